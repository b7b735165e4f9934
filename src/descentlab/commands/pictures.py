"""`pictures.py`: the pictures of the README and of the tutorial, from runs made for them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from descentlab.commands.entry import run
from descentlab.extras import need
from descentlab.settings.command_line import read_arguments
from descentlab.settings.compose import compose

HELP = """
python scripts/pictures.py [out=docs/pictures]

Trains what the README and the tutorial show, half a minute, and draws their
pictures.
"""

PICTURES = {
    "units.png": ("kink_two_relu", "units"),
    "landscape.png": ("kink_two_relu", "landscape"),
    "diagram.png": ("kink_two_relu", "diagram"),
    "first_update.png": ("americano", "first_update"),
    "americano.png": ("americano", "landscape"),
    "line_with_bias.png": ("line_with_bias", "loss"),
    "one_weight_overshoot.png": ("one_weight_overshoot", "loss"),
    "cubic.png": ("cubic", "fit"),
    "kink_line.png": ("kink_line", "fit"),
    "kink_one_relu.png": ("kink_one_relu", "fit"),
    "kink_two_relu.png": ("kink_two_relu", "fit"),
    "kink_wide.png": ("kink_wide", "fit"),
    "noise_wide.png": ("noise_wide", "fit"),
    "study_hours.png": ("study_hours", "fit"),
}
"""By file: the experiment that is trained, and what is drawn of it."""

_DPI = 80


def main() -> None:
    """Run the command line."""
    run(_pictures, HELP, needs_arguments=False)


def _pictures(arguments: Sequence[str]) -> None:
    out = Path(read_arguments(arguments, {"out": str}).get("out", "docs/pictures"))
    need("matplotlib", "pictures")
    from descentlab.reports.figures.catalogue import FIGURES  # torch is imported now, not to say no
    from descentlab.reports.figures.style import save, styled
    from descentlab.reports.subject import Subject
    from descentlab.runs.train import train

    subjects: dict[str, Subject] = {}
    for file, (experiment, name) in PICTURES.items():
        if experiment not in subjects:
            with tempfile.TemporaryDirectory() as folder:
                train(compose([f"experiment={experiment}", "logger=none"]), Path(folder))
                subjects[experiment] = Subject.of_run(Path(folder))
        subject = subjects[experiment]
        with styled("light", _DPI):
            save(FIGURES[name](subject), out / file)
        print(out / file)
