"""LightningModules: one model family a file, and what all families share in `regression`."""
