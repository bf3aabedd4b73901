"""What a policy is, and how it follows the log."""
