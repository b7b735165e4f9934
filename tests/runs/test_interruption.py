"""Signals stop a run at the next step, whoever makes the steps and however far the next look is."""

import os
import signal

import pytest

from descentlab.callbacks.steps import StepCallback
from descentlab.engines.eager import EagerEngine
from descentlab.runs.interruption import SIGNALS
from descentlab.runs.soak import forked
from descentlab.runs.train import train
from descentlab.settings.compose import compose

UNSEEN = ("model=linear", "logger=none", "callbacks=none", "trainer.engine=eager")


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_stops_an_engine_far_from_the_next_look(tmp_path, monkeypatch, number):
    monkeypatch.setattr("descentlab.modules.regression.SECONDS_UNHEARD", 0.0)  # as if every step took long
    make_step, made = EagerEngine._step, []

    def signalled(engine):
        made.append(0)
        if len(made) == 100:
            signal.raise_signal(number)
        return make_step(engine)

    monkeypatch.setattr(EagerEngine, "_step", signalled)
    result = train(compose(UNSEEN), tmp_path)
    assert (result.status, result.num_steps, result.interrupted_by) == ("interrupted", 100, number.name)


def test_a_signal_before_the_first_step_stops_there(train_with, tmp_path):
    class Early(StepCallback):
        def setup(self, trainer, pl_module, stage) -> None:
            signal.raise_signal(signal.SIGTERM)

        def look(self, trainer, module, step) -> None: ...

    run = train_with(tmp_path, [Early(None)], *UNSEEN)
    assert (run.result["status"], run.result["num_steps"]) == ("interrupted", 0)


def test_a_signal_after_the_last_step_interrupts_nothing(train_with, tmp_path):
    class Late(StepCallback):
        def look(self, trainer, module, step) -> None:
            if step == 20:
                signal.raise_signal(signal.SIGTERM)

    run = train_with(tmp_path, [Late(20)], *UNSEEN, "trainer.max_steps=20")
    assert (run.result["status"], run.result["interrupted_by"]) == ("completed", None)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_second_signal_ends_the_process_at_once(train_with, tmp_path, number):
    class Twice(StepCallback):
        def look(self, trainer, module, step) -> None:
            if step == 20:
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), number)

    child = forked(lambda: train_with(tmp_path, [Twice(20)], *UNSEEN), tmp_path, kill_after=60.0)
    assert child.killed
    assert not (tmp_path / "result.json").exists()


def test_lightning_does_not_requeue_a_preempted_job_from_its_start(train_with, tmp_path, monkeypatch):
    for name, value in {"NTASKS": "1", "JOB_NAME": "run", "JOB_ID": "7", "PROCID": "0", "LOCALID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setattr(
        "lightning.pytorch.trainer.connectors.signal_connector.call", lambda *_: pytest.fail("requeued")
    )

    class Preempted(StepCallback):
        def look(self, trainer, module, step) -> None:
            if step == 20:
                signal.raise_signal(signal.SIGUSR1)

    run = train_with(tmp_path, [Preempted(20)], *UNSEEN)
    assert (run.result["status"], run.result["interrupted_by"]) == ("interrupted", "SIGUSR1")
    assert not list(tmp_path.glob("hpc_ckpt*"))
