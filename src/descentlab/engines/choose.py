"""Which engine performs the steps: the one place that decides."""

from __future__ import annotations

from descentlab.engines.compiled import CompiledEngine
from descentlab.engines.drawing import CPU
from descentlab.engines.eager import EagerEngine
from descentlab.engines.graph_engine import GraphEngine
from descentlab.engines.native import NativeEngine
from descentlab.engines.problem import Engine, Problem
from descentlab.engines.record import CannotRecord
from descentlab.engines.recorded import RecordedEngine
from descentlab.errors import InputError, did_you_mean

NAMES = ("auto", "eager", "recorded", "compiled", "native")


def choose_engine(problem: Problem, requested: str = "auto", num_steps: int | None = None) -> tuple[Engine, str | None]:
    """The engine for `problem`, and in one line why it is not the fast one, if so.

    Args:
        problem: what is to be trained.
        requested: `auto` (the fastest that leaves the eager engine's bits: `compiled` where the steps are many
            enough to build it, else `recorded`; on a GPU a captured graph), `eager`, or `native`, whose last bits
            differ.
        num_steps: how many steps will be asked for; None for many.

    Returns:
        The engine and the reason, None if the engine is the one asked for.

    Raises:
        InputError: if `requested` is none of these names.
    """
    if requested not in NAMES:
        raise InputError(
            f"engine must be one of the known engines, not {requested!r}: {did_you_mean(requested, NAMES)}"
        )
    if requested == "eager":
        return EagerEngine(problem), None
    try:
        if problem.device != CPU and requested != "recorded":
            is_for_cpu = requested in ("compiled", "native")
            return GraphEngine(problem), f"{requested} steps are for the CPU" if is_for_cpu else None
        if requested in ("compiled", "native"):
            built = (CompiledEngine if requested == "compiled" else NativeEngine)(problem)
            return built, built.native_reason and f"the recorded engine performs the steps: {built.native_reason}"
        return RecordedEngine(problem) if requested == "recorded" else CompiledEngine(problem, num_steps), None
    except CannotRecord as why:
        reason = f"the eager engine performs the steps: they cannot be recorded, for {why}"
        return EagerEngine(problem, reason), reason
