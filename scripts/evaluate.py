"""The metrics of a run on its training, validation and test points."""

from descentlab.commands.evaluate import main

if __name__ == "__main__":
    main()
