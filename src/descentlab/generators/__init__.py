"""The synthetic data sets: a noiseless law and its noise, one data set a file, drawn into a `Draw`."""
