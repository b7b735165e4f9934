"""Predictions of a run's model."""

from descentlab.commands.predict import main

if __name__ == "__main__":
    main()
