"""People or organisations that have shown interest and are not customers yet."""
