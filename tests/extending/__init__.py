"""A host brings its own domain along."""
