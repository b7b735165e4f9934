"""`benchmark.py`: how long things take beside plain PyTorch, measured in turn."""

import sys
from collections.abc import Sequence
from pathlib import Path

from descentlab.commands.entry import run
from descentlab.settings.command_line import read_arguments

HELP = """
python scripts/benchmark.py [only=<part of a case's name>] [out=outputs/benchmark.json]

Each case against what a person would write in plain PyTorch, both measured in
turn: medians, and the median of their ratios. An asterisk marks a ratio above
its goal. All cases together take a few minutes; only="10000 jobs" measures
two more, which take as long again, and only="gpu step" stacks of up to a
million members on a GPU, against what its memory and arithmetic allow.
"""


def main() -> None:
    """Run the command line."""
    run(_benchmark, HELP, needs_arguments=False)


def _benchmark(arguments: Sequence[str]) -> None:
    given = read_arguments(arguments, {"only": str, "out": str})
    from descentlab.benchmarks.cases import chosen  # torch is imported now, not to say no
    from descentlab.benchmarks.ratio import measure
    from descentlab.benchmarks.table import table, to_json
    from descentlab.runs.files import write_whole

    results = []
    for case in chosen(given.get("only", "")):
        print(f"{case.name} …", file=sys.stderr)
        results.append(measure(case))
    print(table(results))
    out = Path(given.get("out", "outputs/benchmark.json"))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, to_json(results))
