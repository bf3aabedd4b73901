"""What a account may and may not do."""
