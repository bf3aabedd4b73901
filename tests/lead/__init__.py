"""What a lead may and may not do."""
