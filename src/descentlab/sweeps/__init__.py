"""Many jobs as one training run: composed together, grouped, stacked, and written as if each had run alone."""
