"""What a form may and may not do."""
