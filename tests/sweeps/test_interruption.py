"""A sweep that a signal stops, or that two processes take up."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from descentlab.runs.lock import HeldError, hold
from descentlab.sweeps.compose import Job
from descentlab.sweeps.launch import launch
from descentlab.sweeps.pieces import Piece, Results

MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_signal_ends_the_sweep_and_says_how_to_go_on(
    number: signal.Signals, code: int, make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def be_stopped(pieces: Sequence[Piece]) -> list[Results]:
        os.kill(os.getpid(), number)
        return []

    held = signal.getsignal(number)
    with pytest.raises(SystemExit) as end:
        launch(make_jobs([["model=relu_net"]]), tmp_path, be_stopped, num_workers=1)
    assert end.value.code == code
    assert capsys.readouterr().err == (f"stopped by {number.name}; the same command with resume={tmp_path} goes on\n")
    assert signal.getsignal(number) == held


def test_a_sweep_that_is_at_work_is_not_taken_up(make_jobs: MakeJobs, tmp_path: Path) -> None:
    def train_nothing(pieces: Sequence[Piece]) -> list[Results]:
        return []

    with hold(tmp_path), pytest.raises(HeldError, match=f"process {os.getpid()} on"):
        launch(make_jobs([["model=relu_net"]]), tmp_path, train_nothing, num_workers=1)
