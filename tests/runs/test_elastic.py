"""How many processes a config asks for, and what is said where there are others than those."""

import logging
import signal

import pytest
from torch.distributed.elastic.multiprocessing.api import SignalException

from descentlab.errors import InputError
from descentlab.processes import is_first_process, num_processes
from descentlab.runs.elastic import check_started, exit_code_of, processes_wanted, start_processes
from descentlab.runs.train import train
from descentlab.settings.compose import compose


@pytest.fixture
def started(monkeypatch):
    """Makes this process one of several that torchrun would have started."""

    def start(rank: int, count: int) -> None:
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", str(count))
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")

    return start


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ("trainer=cpu", 1),
        ("trainer=cpu trainer.devices=3", 3),
        ("trainer=cpu trainer.devices=auto", 1),
        ("trainer=ddp_cpu", 2),
        ("trainer=ddp_cpu trainer.devices=1", 1),
        ("trainer=ddp trainer.devices=4 trainer.num_nodes=2", 8),
    ],
    ids=str,
)
def test_a_config_asks_for_a_process_a_device(overrides, expected):
    assert processes_wanted(compose(overrides.split())["trainer"]) == expected


def test_a_process_on_its_own_is_the_first_of_one():
    assert (num_processes(), is_first_process()) == (1, True)


@pytest.mark.parametrize(("rank", "first"), [(0, True), (1, False)])
def test_of_several_processes_one_is_the_first(started, rank, first):
    started(rank, 2)
    assert (num_processes(), is_first_process()) == (2, first)


def test_as_many_processes_as_a_config_asks_for_may_train(started):
    started(0, 2)
    check_started(compose(["trainer=ddp_cpu"])["trainer"])


def test_more_processes_than_a_config_asks_for_are_refused(started):
    started(0, 3)
    with pytest.raises(InputError, match="expected 3, as many processes as torchrun has started, got 2"):
        check_started(compose(["trainer=ddp_cpu"])["trainer"])


def test_a_run_of_several_processes_is_refused_where_there_is_one(tmp_path):
    with pytest.raises(InputError, match="expected one device where a run shares its process with others, got 2"):
        train(compose(["trainer=ddp_cpu"]), tmp_path)
    assert not list(tmp_path.iterdir())


def test_several_machines_are_answered_with_the_command_for_each():
    command = r"torchrun --nnodes 3 --nproc-per-node 2 --node-rank K --master-addr <IP of the first>"
    with pytest.raises(InputError, match=command):
        start_processes(compose(["trainer=ddp_cpu", "trainer.num_nodes=3"])["trainer"])


@pytest.mark.parametrize(
    ("codes", "expected", "said"),
    [
        ({0: 3}, 3, ""),
        ({0: 2, 1: -15}, 2, ""),
        ({0: -15, 1: 1}, 1, ""),
        ({0: 1, 1: -9}, 1, "error: a process of this run was ended by SIGKILL\n"),
        ({0: -15, 1: -15}, 1, "error: a process of this run was ended by SIGTERM\n"),
    ],
    ids=["diverged", "refused", "failed", "killed", "all ended"],
)
def test_a_run_exits_as_its_processes_chose_and_names_the_signal_that_killed_one(capsys, codes, expected, said):
    assert exit_code_of(codes) == expected
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name)
def test_a_signal_to_the_agent_is_the_exit_code_of_the_run(monkeypatch, number):
    handled = []

    def launched(config, entrypoint):
        def run(*arguments):
            handled.extend(config.signals_to_handle.split(","))
            raise SignalException("a signal came", sigval=number)

        return run

    monkeypatch.setattr("torch.distributed.launcher.api.elastic_launch", launched)
    assert start_processes(compose(["trainer=ddp_cpu"])["trainer"]) == 128 + number
    assert logging.getLogger("another").isEnabledFor(logging.WARNING)  # as before
    assert number.name in handled
