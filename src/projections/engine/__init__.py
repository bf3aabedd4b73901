"""What a projection is, and how its rows get into a table: folding, SQL, rebuilding."""
