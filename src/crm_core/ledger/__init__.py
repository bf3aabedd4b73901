"""The ledger: hashes that make any change to the log show. Pure: bytes in, bytes out."""
