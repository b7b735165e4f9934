"""Write the pages of docs that are made from the code: `python scripts/reference.py`."""

from descentlab.commands.reference import main

if __name__ == "__main__":
    main()
