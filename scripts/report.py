"""One self-contained HTML file over a sweep, a run, or several of either."""

from descentlab.commands.report import main

if __name__ == "__main__":
    main()
