"""Views: what each shows, and that every way to fold them leads to the same rows."""
