"""The commands: each reads its command line, calls one function of the package, and prints."""
