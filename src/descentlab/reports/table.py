"""A run's result as a short table for the terminal."""

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
