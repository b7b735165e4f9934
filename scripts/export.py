"""Export a run's trained model as a file that needs no descentlab."""

from descentlab.commands.export import main

if __name__ == "__main__":
    main()
