"""descentlab: a laboratory for regression by gradient descent."""

__version__ = "0.1.0"
