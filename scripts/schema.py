"""Write JSON schemas of the config files, for an editor."""

from descentlab.commands.schema import main

if __name__ == "__main__":
    main()
