"""The store: the library's conformance suites, the chain's vectors, verification."""
