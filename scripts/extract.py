"""Extract: `python scripts/extract.py sweep=<sweep folder> job=<number>`."""

from descentlab.commands.extract import main

if __name__ == "__main__":
    main()
