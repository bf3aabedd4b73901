"""How this business works, as facts of its own: its pipelines and the policies it has switched on."""
