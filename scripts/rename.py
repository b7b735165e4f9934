"""Turn a fresh clone into a package of your own: `python scripts/rename.py my_study`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))  # before anything is installed

from descentlab.commands.rename import main

if __name__ == "__main__":
    main()
