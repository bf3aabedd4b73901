"""How fast, beside the library used as its documentation shows: `python -m tests.benchmarks`."""
