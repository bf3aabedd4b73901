"""The engine of the policies."""
