"""People we know by name: who they are, where they work, and how they are forgotten."""
