"""How fast the package is beside what a person would write by hand: ratios, measured side by side."""
