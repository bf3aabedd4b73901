"""What a message may and may not do."""
