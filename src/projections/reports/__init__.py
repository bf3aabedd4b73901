"""Numbers computed from views."""
