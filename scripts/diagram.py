"""Draw a network as layers and nodes."""

from descentlab.commands.diagram import main

if __name__ == "__main__":
    main()
