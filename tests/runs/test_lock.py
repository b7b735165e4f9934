"""One process at a time works in a folder; a dead one holds nobody up."""

import json
import os
import signal
import socket
import subprocess

import pytest
from hydra.core.utils import setup_globals
from omegaconf import OmegaConf

from descentlab.errors import InputError
from descentlab.runs.folders import make_exclusively
from descentlab.runs.lock import NAME, HeldError, hold
from descentlab.settings.config_folders import config_folder
from descentlab.settings.resolvers import register_resolvers


@pytest.fixture
def holder(tmp_path, hold_in_a_child):
    return hold_in_a_child(tmp_path)


def test_a_folder_is_held_by_one_and_the_other_is_told_by_whom(tmp_path, holder):
    with (
        pytest.raises(HeldError, match=rf"process {holder} on {socket.gethostname()} \(since \d{{4}}-"),
        hold(tmp_path),
    ):
        pass


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    os.kill(holder, signal.SIGKILL)
    os.waitid(os.P_PID, holder, os.WEXITED | os.WNOWAIT)
    assert (tmp_path / NAME).is_file()
    with hold(tmp_path):
        assert str(os.getpid()) in (tmp_path / NAME).read_text()


def test_workers_that_outlive_the_holder_are_not_taken_for_it(tmp_path, holder):
    note = json.loads((tmp_path / NAME).read_text())
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / NAME).write_text(json.dumps({**note, "pid": ended.pid}))
    with (
        pytest.raises(HeldError, match=rf"workers of process {ended.pid} on .*, which has ended, are at work there"),
        hold(tmp_path),
    ):
        pass


def test_a_folder_that_was_let_go_has_no_lock_and_can_be_held_again(tmp_path):
    for _ in range(2):
        with hold(tmp_path):
            assert (tmp_path / NAME).is_file()
        assert not (tmp_path / NAME).exists()


def test_a_holder_without_a_name_still_holds(tmp_path, holder):
    (tmp_path / NAME).write_text("")
    with pytest.raises(HeldError, match="another process is at work"), hold(tmp_path):
        pass


def test_a_folder_is_let_go_when_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), hold(tmp_path):
        raise ZeroDivisionError
    assert not (tmp_path / NAME).exists()


def test_a_link_in_place_of_the_lock_is_refused_and_leads_nowhere(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / NAME).symlink_to(tmp_path / "victim")
    with (
        pytest.raises(InputError, match=r"\.lock: expected the lock of the folder, got a link"),
        hold(tmp_path / "run"),
    ):
        pass
    assert (tmp_path / "victim").read_text() == "precious"


def test_of_many_processes_one_at_a_time_holds_a_folder(tmp_path):
    """Each adds one to a number as often as it gets the folder; an addition in between would be lost."""
    number = tmp_path / "number"
    number.write_text("0")
    children = []
    for _ in range(4):
        if (child := os.fork()) == 0:
            done = 0
            while done < 25:
                try:
                    with hold(tmp_path):
                        number.write_text(str(int(number.read_text()) + 1))
                        done += 1
                except HeldError:
                    pass
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
    assert number.read_text() == "100"


def test_fifty_processes_of_one_second_make_fifty_folders(tmp_path):
    setup_globals()
    register_resolvers()
    pattern = OmegaConf.load(config_folder() / "train.yaml")._get_node("hydra")._get_node("run")._get_node("dir")
    text = pattern._value().replace("${now:%Y-%m-%d_%H-%M-%S}", "2026-01-01_00-00-00")
    children = []
    for _ in range(50):
        if (child := os.fork()) == 0:
            name = OmegaConf.create({"name": "a", "dir": text}).dir
            make_exclusively(tmp_path / name, "hydra.run.dir")
            os._exit(0)
        children.append(child)
    assert {os.waitpid(child, 0)[1] for child in children} == {0}
    assert len(list((tmp_path / "outputs" / "runs" / "a").iterdir())) == 50
