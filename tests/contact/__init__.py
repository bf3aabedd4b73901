"""What a contact may and may not do."""
