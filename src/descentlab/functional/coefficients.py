"""The coefficients w0, w1, ... of a model that is linear in them: their names and their count."""

from collections.abc import Sequence

from descentlab.errors import InputError


def coefficient_names(num_columns: int, bias: bool) -> list[str]:
    """The names of the coefficients, the intercept w0 first: w0, w1, ..., or w1, ... without an intercept.

    Args:
        num_columns: how many columns the model weighs beside the intercept, >= 0.
        bias: whether there is an intercept.

    Returns:
        num_columns + bias names.
    """
    return [f"w{index}" for index in range(0 if bias else 1, num_columns + 1)]


def require_coefficients(key: str, coefficients: Sequence[float], names: Sequence[str]) -> None:
    """Refuse `coefficients` unless there is one for each of `names`.

    Args:
        key: the setting they came from, such as `data.coefficients`; it opens the message.
        coefficients: what was given, the intercept first.
        names: what the coefficients are called, the intercept first.

    Raises:
        InputError: the counts differ.
    """
    if len(coefficients) != len(names):
        plural = "" if len(names) == 1 else "s"
        raise InputError(
            f"{key}: expected {len(names)} number{plural} ({', '.join(names)}), "
            f"came {len(coefficients)}: {list(coefficients)}; "
            f"type {key}=[{','.join('0.0' for _ in names)}] with a number of yours for each."
        )
