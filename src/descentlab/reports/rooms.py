"""The picture of the layers: the rooms of the package, floor above floor (docs/architecture.md)."""

import re
from collections.abc import Collection, Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT, _GAP = 860, 46, 10
_LETTER = 6.2
"""The usual width of a letter of the small print."""


def rooms_svg(floors: Sequence[Collection[str]], contents: Mapping[str, str]) -> str:
    """The rooms as an SVG, the ground floor at the bottom; a room knows only what is below it.

    Args:
        floors: the names of the rooms on each floor, from the ground up.
        contents: what each room holds, in a few words.
    """
    height = len(floors) * (_HEIGHT + _GAP) + _GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, floor in enumerate(reversed(floors)):
        y = _GAP + number * (_HEIGHT + _GAP)
        width = (_WIDTH - _GAP * (len(floor) + 1)) / len(floor)
        for place, room in enumerate(sorted(floor)):
            x = _GAP + place * (width + _GAP)
            said = escape(_fitting(contents[room], width))
            lines += [
                f'<rect x="{x:g}" y="{y}" width="{width:g}" height="{_HEIGHT}" fill="#e8f1fa" stroke="#0072b2"/>',
                f'<text x="{x + 12:g}" y="{y + 20}" font-size="15" font-weight="bold">{escape(room)}</text>',
                f'<text x="{x + 12:g}" y="{y + 37}" font-size="12" fill="#333">{said}</text>',
            ]
    return "\n".join([*lines, "</svg>", ""])


def _fitting(text: str, width: float) -> str:
    """The clauses of a sentence that a box has room for, at least the first."""
    clauses = re.split("(?=[,:;] )", text.replace("`", ""))
    while len(clauses) > 1 and len("".join(clauses)) * _LETTER > width - 24:
        clauses.pop()
    return "".join(clauses)
