"""What people sent us through the forms of a website."""
