"""What the processes of a run tell each other, seen by one of two that share a store."""

import json
import signal
import sys
from itertools import count
from unittest.mock import Mock

import pytest
from lightning.pytorch import Trainer
from torch.distributed import HashStore

from descentlab.errors import InputError
from descentlab.runs import agreement, stop_together
from descentlab.runs.agreement import (
    ending_together,
    failing_together,
    found_by_the_first,
    sharing_errors,
    speaks_for_all,
)
from descentlab.runs.stop_together import StopTogether


@pytest.fixture
def store(monkeypatch):
    store = HashStore()
    monkeypatch.setattr(agreement, "_store", lambda: store)
    monkeypatch.setattr(agreement, "_places", count())
    return store


@pytest.fixture
def first(store, monkeypatch):
    be(monkeypatch, 0)
    return store


@pytest.fixture
def second(store, monkeypatch):
    be(monkeypatch, 1)
    return store


def be(monkeypatch, rank: int) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")


def test_a_process_on_its_own_finds_and_speaks():
    assert found_by_the_first(lambda: "folder") == "folder"
    assert speaks_for_all()


def test_the_first_process_finds_and_tells(first):
    first.set("1/1", "")
    assert found_by_the_first(lambda: {"folder": None}) == {"folder": None}
    assert json.loads(first.get("0")) == {"folder": None}


def test_the_others_are_told_and_find_nothing_themselves(second):
    second.set("1/0", "")
    second.set("0", '"folder"')
    assert found_by_the_first(lambda: pytest.fail("it looked")) == "folder"


def test_an_input_error_of_one_process_is_raised_in_the_others(first):
    first.set("0/1", "none.csv: expected a CSV file")
    with pytest.raises(InputError, match=r"none.csv: expected a CSV file"), sharing_errors():
        pass


def test_of_two_input_errors_all_raise_the_first(second):
    second.set("0/0", "of the first")
    with pytest.raises(InputError, match="of the first"), sharing_errors():
        raise InputError("of the second")


def test_what_was_said_at_one_place_is_not_heard_at_the_next(first):
    first.set("0/1", "")
    first.set("1/1", "at the second place")
    with sharing_errors():
        pass
    with pytest.raises(InputError, match="at the second place"), sharing_errors():
        pass


def test_one_process_speaks_for_all(first):
    assert [speaks_for_all() for _ in range(3)] == [True, False, False]


def fail(error: Exception) -> None:
    with failing_together():
        raise error


def test_the_first_process_that_breaks_down_says_why(second, capsys):
    with pytest.raises(SystemExit) as end:
        fail(ZeroDivisionError("on the way"))
    assert end.value.code == 1
    assert capsys.readouterr().err.endswith("ZeroDivisionError: on the way\n")


def test_a_process_that_breaks_down_after_another_says_nothing(first, capsys):
    first.add("speakers", 1)
    with pytest.raises(SystemExit):
        fail(RuntimeError("[gloo/transport/tcp/pair.cc:1] Connection closed by peer. And more."))
    assert capsys.readouterr().err == ""


def test_a_process_that_loses_another_says_so_in_one_line(first, capsys):
    with pytest.raises(SystemExit):
        fail(RuntimeError("[gloo/transport/tcp/pair.cc:1] Connection closed by peer. And more."))
    expected = "error: process 0 of 2 has lost another: [gloo/transport/tcp/pair.cc:1] Connection closed by peer\n"
    assert capsys.readouterr().err == expected


def test_an_error_of_a_process_on_its_own_is_its_own():
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())


@pytest.fixture
def calls(monkeypatch):
    """What a process calls at its end, which here is an exception."""
    calls: list[str] = []
    monkeypatch.setattr(agreement.atexit, "_run_exitfuncs", lambda: calls.append("registered"))
    monkeypatch.setattr(agreement.os, "_exit", lambda code: (calls.append("end"), sys.exit(code)))
    return calls


def end(error: BaseException | None) -> None:
    with ending_together():
        if error is not None:
            raise error


def ended_with(error: BaseException | None = None) -> object:
    with pytest.raises(SystemExit) as ended:
        end(error)
    return ended.value.code


def test_the_others_wait_until_the_first_has_ended(second, monkeypatch, calls):
    monkeypatch.setattr(agreement.time, "sleep", lambda seconds: second.set("end", ""))
    assert ended_with() == 0
    assert second.check(["end"])


def test_the_others_do_not_wait_for_ever(second, monkeypatch, calls):
    monkeypatch.setattr(agreement, "_PATIENCE", 0.0)
    assert ended_with(SystemExit(2)) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, 0), (SystemExit(), 0), (SystemExit(1), 1), (SystemExit(3), 3), (KeyboardInterrupt(), 130)],
    ids=["done", "left", "broken", "diverged", "interrupted"],
)
def test_a_process_of_several_calls_what_is_registered_and_is_not_taken_down(first, calls, error, code):
    assert ended_with(error) == code
    assert calls == ["registered", "end"]


def test_a_process_on_its_own_ends_as_python_does(calls):
    assert ended_with(SystemExit(3)) == 3
    assert calls == []


def test_a_name_that_does_not_resolve_is_answered_with_what_to_type(first, monkeypatch, capsys):
    def unknown(*asked) -> None:
        raise OSError

    monkeypatch.setenv("MASTER_ADDR", "node-0")
    monkeypatch.setattr(agreement.socket, "getaddrinfo", unknown)
    with pytest.raises(SystemExit) as end, ending_together():
        pytest.fail("it went on")
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: MASTER_ADDR: expected an address that this machine can resolve, got node-0; ")
    assert "--master-addr=<IP of the first>" in message


@pytest.fixture
def two_agree(monkeypatch):
    """What the other process has received, and with what this one comes to it."""
    others: list[int] = [0]
    monkeypatch.setattr(stop_together, "highest", lambda value, device: max(value, *others))
    return others


def end_of_a_step(stop: StopTogether) -> Trainer:
    trainer = Mock(spec=Trainer, should_stop=False)
    stop.on_train_batch_end(trainer, None, None, None, 0)
    return trainer


def test_without_a_signal_a_run_goes_on(two_agree):
    stop = StopTogether()
    assert not end_of_a_step(stop).should_stop
    assert stop.received == []


def test_a_signal_to_another_process_is_taken_for_ones_own(two_agree):
    stop = StopTogether()
    two_agree[0] = signal.SIGTERM
    assert end_of_a_step(stop).should_stop
    assert stop.received == [signal.SIGTERM]


def test_a_process_that_outlives_its_agent_stops(two_agree, monkeypatch):
    stop = StopTogether()
    monkeypatch.setattr(stop_together.os, "getppid", lambda: 1)
    assert end_of_a_step(stop).should_stop
    assert stop.received == [signal.SIGTERM]
