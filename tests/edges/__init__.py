"""What holds at the edges: of time, of privacy."""
