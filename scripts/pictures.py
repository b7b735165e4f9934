"""Draw the README's pictures from real runs."""

from descentlab.commands.pictures import main

if __name__ == "__main__":
    main()
