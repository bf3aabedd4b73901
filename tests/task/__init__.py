"""What a task may and may not do."""
