"""Hydra plugins: a launcher that stacks the jobs of a multirun, and the sweeper that feeds it."""
