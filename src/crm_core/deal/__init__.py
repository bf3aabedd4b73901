"""Sales we are working on, from the first stage to won or lost, and the handoff after."""
