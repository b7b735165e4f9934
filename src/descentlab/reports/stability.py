"""The stability limit of a run for the terminal: the table of `stability.py`, and the hint after a divergence."""

import math

from descentlab.runs.stability import Stability


def stability_table(found: Stability, place: str) -> str:
    """lambda_max, the limit and its formula, and the learning rate beside it, in 80 columns.

    Args:
        found: the stability of a run.
        place: where the curvature was taken if it is not the same everywhere, such as `at the start`.
    """
    curvature = found.curvature
    if math.isnan(curvature.largest):
        how = "the Hessian is not finite here"
    elif curvature.num_products == 0:
        how = "exact, the same at all parameters"
    else:
        count = f"{curvature.num_products} Hessian-vector product{'s' if curvature.num_products > 1 else ''}"
        where = "the same at all parameters" if found.everywhere else place
        how = f"{where}; {count}"
    rows = [
        ("lambda_max", f"{curvature.largest:<12.6g} {how}"),
        ("limit", f"{_or_none(found.limit):<12} {_formula(found)}"),
        ("optimizer.lr", f"{found.lr:<12.6g} {_verdict(found)}"),
    ]
    lines = [_within_80(f"{name:<12}  {value}".rstrip()) for name, value in rows]
    return "\n".join([*lines, *_remarks(found)])


def divergence_hint(found: Stability) -> str:
    """What to try after a run has diverged, in one line.

    Args:
        found: the stability at the start of the run.
    """
    if found.limit is None or not math.isfinite(found.limit):
        return f"a smaller learning rate than optimizer.lr={found.lr:g}"
    if found.limit == 0:
        return "optimizer.momentum below 1, which converges at no learning rate"
    where = "" if found.everywhere else " at the start"
    if found.is_above:
        return f"optimizer.lr={found.limit / 2:.2g}; the stability limit{where} is {found.limit:.4g}, got {found.lr:g}"
    return f"optimizer.lr={found.lr / 10:.2g}; {found.lr:g} is below the stability limit{where}, {found.limit:.4g}"


def _within_80(line: str) -> str:
    return line if len(line) <= 80 else f"{line[:27].rstrip()}\n{'':<14}{line[27:]}"


def _or_none(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:.6g}"


def _formula(found: Stability) -> str:
    if found.settings is None:
        return f"applies to gradient descent, not to {found.optimizer}"
    if found.limit == 0:
        return "momentum 1 converges at no learning rate"
    curvature = "lambda_max"
    if found.settings["weight_decay"]:
        curvature = "(lambda_max + weight_decay)"
    if not found.settings["momentum"]:
        return f"2 / {curvature}"
    if found.settings["nesterov"]:
        return f"2 (1 + momentum) / (1 + 2 momentum) / {curvature}"
    if found.settings["dampening"]:
        return f"2 (1 + momentum) / (1 - dampening) / {curvature}"
    return f"2 (1 + momentum) / {curvature}"


def _verdict(found: Stability) -> str:
    if found.limit is None or math.isnan(found.limit):
        return ""
    if math.isinf(found.limit):
        return "nothing curves upward, so nothing limits it"
    if found.is_above:
        return "above the limit: steps grow" if found.limit else ""
    return f"below the limit: {found.lr / found.limit:.1%} of it"


def _remarks(found: Stability) -> list[str]:
    if found.curvature.num_products and not found.curvature.converged:
        return [f"After {found.curvature.num_products} products lambda_max is not known yet: it is at least this."]
    if found.settings is None:
        return [
            f"{found.optimizer} scales each direction of the gradient anew, so that no learning rate",
            "follows from the curvature alone.",
        ]
    if not found.everywhere:
        return [
            "The curvature changes with the parameters, and with it the limit: this is",
            "the one of the next steps.",
        ]
    return []
