"""How Sphinx makes HTML of these pages: `make docs`."""

from descentlab import __version__

project = "descentlab"
release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"description": "Regression by gradient descent, in stacks of thousands", "page_width": "1100px"}
