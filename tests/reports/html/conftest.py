"""Lets the tests of this room import `chromium` and `made_up`, which stand beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
