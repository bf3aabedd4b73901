"""What a deal may and may not do."""
