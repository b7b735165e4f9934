"""What a run prints at its end."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from descentlab.runs.result import Result


def print_ended(result: "Result", settings: Mapping[str, Any]) -> None:
    """Print the table of a run's result, with a hint where it diverged."""
    from descentlab.reports.stability import divergence_hint  # torch is imported now, not to say no
    from descentlab.reports.table import result_table
    from descentlab.runs.stability import start_stability

    hint = divergence_hint(start_stability(settings)) if result.status == "diverged" else None
    if hint is not None and settings["data"].get("standardize") is False:
        hint = f"data.standardize=true, or {hint}"
    print(result_table(result, hint))
