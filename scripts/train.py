"""Train: `python scripts/train.py model=relu_net`, or with -m a sweep."""

from descentlab.commands.train import main

if __name__ == "__main__":
    main()
