"""Which learning rate to begin with: `python scripts/find_rate.py model=relu_net`."""

from descentlab.commands.find_rate import main

if __name__ == "__main__":
    main()
