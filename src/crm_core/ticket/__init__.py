"""What customers ask, complain about or request, until it is solved for good."""
