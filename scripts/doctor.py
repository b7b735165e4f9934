"""What this machine has and lacks: `python scripts/doctor.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))  # before anything is installed

from descentlab.commands.doctor import main

if __name__ == "__main__":
    main()
