"""What was said and done with customers: demos, calls, meetings and notes."""
