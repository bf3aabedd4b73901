"""What a interaction may and may not do."""
