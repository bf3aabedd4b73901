"""Sentences about the business, and about the log beneath it."""
