"""A run that was stopped goes on in its own folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from descentlab.errors import InputError
from descentlab.processes import is_first_process
from descentlab.runs.agreement import found_by_the_first
from descentlab.runs.files import LAST_CHECKPOINT, file_of
from descentlab.runs.load import read_checkpoint
from descentlab.runs.lock import hold
from descentlab.runs.result import Result, read_result
from descentlab.runs.train import train_held
from descentlab.settings.compose import read_settings
from descentlab.settings.extend import can_go_on
from descentlab.settings.flat import differences, flatten

_NEEDED = {"loops", "optimizer_states", "logs", "config"}
"""What a checkpoint to go on from holds beside the weights."""

_WRITTEN_INTO = ("checkpoints", "csv", "figures", "tensorboard")


def resume(settings: Mapping[str, Any], folder: Path) -> tuple[Result, bool]:
    """Go on with a run from its last checkpoint, or from the beginning where there is none yet.

    It ends with the weights, the history and the result, but for its times, of a run that was never
    stopped. A run that has ended stays as it is, unless the settings now ask for more steps.

    Processes that train together all come here, as many as the run began with.

    Args:
        settings: the run's own, or what `descentlab.settings.extend` made of them.
        folder: of the run.

    Returns:
        The result, and whether the run had ended before.

    Raises:
        InputError: another process holds the folder, or its checkpoint cannot be gone on from.
        WriteError: the disk takes no more.
    """
    with hold(folder):
        if found_by_the_first(lambda: _has_ended(settings, folder)):
            result = read_result(folder)
            assert result is not None
            return result, True
        start = found_by_the_first(lambda: _last_step(settings, folder))
        if is_first_process():
            print(f"{folder} goes on from step {start or 0}")
        return train_held(settings, folder, start), False


def _has_ended(settings: Mapping[str, Any], folder: Path) -> bool:
    result = read_result(folder)
    more = settings["trainer"]["max_steps"] > read_settings(folder / "config.yaml")["trainer"]["max_steps"]
    return result is not None and (result.status == "diverged" or (result.status == "completed" and not more))


def _refuse_links_out(folder: Path) -> None:
    """Refuse links by which a run that goes on would write elsewhere: files that grow, or folders of new files."""
    for name in _WRITTEN_INTO:
        file_of(folder, name)
        for path in (folder / name).glob("*"):
            file_of(folder, f"{name}/{path.name}")


def _last_step(settings: Mapping[str, Any], folder: Path) -> int | None:
    """The step to go on from, None for the beginning where there is no checkpoint yet."""
    _refuse_links_out(folder)
    checkpoint = file_of(folder, LAST_CHECKPOINT)
    if not checkpoint.is_file():
        return None
    state = read_checkpoint(checkpoint)
    if not set(state) >= _NEEDED:
        raise InputError(
            f"{checkpoint}: expected all that a run needs to go on, got its weights alone, as a job of a stacked "
            "sweep leaves them; run the job's own command with more steps instead."
        )
    for key, (before, now) in differences(flatten(state["config"]), flatten(settings)).items():
        if not can_go_on(key, before, now):
            raise InputError(
                f"{folder / 'config.yaml'}: {key}: expected {before!r}, with which {checkpoint} was made, got {now!r}; "
                "put it back, or start a new run."
            )
    step: int = state["global_step"]
    return step
