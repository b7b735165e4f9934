"""LightningDataModules: the points that a run trains on, and those it is judged by."""
