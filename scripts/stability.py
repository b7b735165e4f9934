"""Stability: `python scripts/stability.py experiment=cubic`."""

from descentlab.commands.stability import main

if __name__ == "__main__":
    main()
