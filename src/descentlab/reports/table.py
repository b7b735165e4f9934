"""A run's result as a short table for the terminal."""

from descentlab.runs.gradients import StartGradients
from descentlab.runs.result import Result


def result_table(result: Result) -> str:
    """Status, steps, losses, coefficients beside the true ones, and the folder, in 80 columns."""
    rows = [
        ("status", result.status),
        ("steps", f"{result.num_steps}"),
        *((name, f"{value:.6g}") for name, value in result.metrics.items()),
        *(
            (name, _coefficient(value, result.true_coefficients.get(name)))
            for name, value in result.coefficients.items()
        ),
        ("folder", str(result.folder)),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _coefficient(value: float, true: float | None) -> str:
    return f"{value:<12.6g}" if true is None else f"{value:<12.6g} (true {true:g})"


def gradient_table(gradients: StartGradients) -> str:
    """The gradients side by side, and how far the others are from autograd's."""
    ways = {"difference": gradients.forward_difference, "autograd": gradients.autograd}
    if gradients.analytic is not None:
        ways["analytic"] = gradients.analytic
    width = max(len("parameter"), *map(len, gradients.names))
    others = [way for way in ways if way != "autograd"]
    header = "".join(f"{way:>14}" for way in ways) + "".join(f"{way[:4] + ' - auto':>14}" for way in others)
    lines = [f"{'parameter':<{width}}{header}"]
    for k, name in enumerate(gradients.names):
        values = "".join(f"{float(way[k]):>14.4f}" for way in ways.values())
        gaps = "".join(f"{float(ways[way][k] - gradients.autograd[k]):>14.2e}" for way in others)
        lines.append(f"{name:<{width}}{values}{gaps}")
    return "\n".join(lines)
