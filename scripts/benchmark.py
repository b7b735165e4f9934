"""Measure the package against plain PyTorch: `python scripts/benchmark.py`, or `only=adam` for some cases."""

from descentlab.commands.benchmark import main

if __name__ == "__main__":
    main()
