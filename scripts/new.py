"""Write the files of a model or a generator of your own: `python scripts/new.py model my_net`."""

from descentlab.commands.new import main

if __name__ == "__main__":
    main()
