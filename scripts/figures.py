"""Draw the pictures of a run from its folder."""

from descentlab.commands.figures import main

if __name__ == "__main__":
    main()
