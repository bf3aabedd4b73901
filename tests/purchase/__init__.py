"""What a purchase may and may not do."""
