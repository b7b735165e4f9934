"""Pictures of a run, one a file, drawn from its folder after it has ended."""
