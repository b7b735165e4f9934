"""The networks: plain `nn.Module`s, one family a file, each mapping (sample, feature) to (sample, 1)."""
