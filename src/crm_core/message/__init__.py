"""Messages that somebody or some policy wants sent to a customer."""
