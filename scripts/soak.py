"""Runs that are killed at random points and go on, held against one that was not."""

from descentlab.commands.soak import main

if __name__ == "__main__":
    main()
