"""The gradient at a model's start three ways, side by side (lesson 1b)."""

from descentlab.commands.gradients import main

if __name__ == "__main__":
    main()
