"""`python -m descentlab <command>`: what the installed `descentlab` is."""

from descentlab.commands.program import main

if __name__ == "__main__":
    main()
