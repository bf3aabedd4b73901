"""Organisations that people work for and that deals and tickets belong to."""
