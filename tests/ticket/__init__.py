"""What a ticket may and may not do."""
