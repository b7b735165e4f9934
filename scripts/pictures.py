"""Draw the pictures of the README and of the tutorial from real runs."""

from descentlab.commands.pictures import main

if __name__ == "__main__":
    main()
