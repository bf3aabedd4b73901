"""Where the history is kept: SQLite or PostgreSQL, behind the `eventsourcing` library's recorder interfaces."""
