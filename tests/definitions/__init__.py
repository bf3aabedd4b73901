"""What a definitions may and may not do."""
