"""Names as short as they can be and still be told apart."""

from collections.abc import Sequence


def short_name(key: str, keys: Sequence[str]) -> str:
    """The shortest end of a dotted key that none of the others shares: `lr` for `optimizer.lr`.

    Args:
        key: one of the keys.
        keys: all of them.
    """
    parts = key.split(".")
    for count in range(1, len(parts)):
        end = ".".join(parts[-count:])
        if sum(other == end or other.endswith(f".{end}") for other in keys) == 1:
            return end
    return key


def shortened(text: str, width: int) -> str:
    """Text in at most `width` characters, its middle left out where it is longer."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"
