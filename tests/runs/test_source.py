"""The code of a run: its commit and its changes, where the current folder is in a repository."""

import shutil
import subprocess

import pytest

from descentlab.runs.source import Source

IDENTITY = ["-c", "user.name=name", "-c", "user.email=name@example.org", "-c", "commit.gpgsign=false"]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "law.py").write_text("slope = 1\n")
    for command in (["init", "-q"], ["add", "."], [*IDENTITY, "commit", "-q", "-m", "State the slope"]):
        subprocess.run(["git", *command], check=True)
    return folder


def test_the_commit_and_the_changes_at_the_start_are_recorded(repository, tmp_path):
    (repository / "law.py").write_text("slope = 2\n")
    source = Source()
    for process, _ in source._asked.values():
        process.wait()
    (repository / "law.py").write_text("slope = 3\n")  # while it trains
    source.write(tmp_path)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert (tmp_path / "source.txt").read_text().startswith(f"{head} ")
    assert (tmp_path / "source.txt").read_text().endswith(" State the slope\n")
    assert "-slope = 1\n+slope = 2\n" in (tmp_path / "source.diff").read_text()


def test_without_changes_the_difference_is_empty(repository, tmp_path):
    Source().write(tmp_path)
    assert (tmp_path / "source.diff").read_text() == ""


@pytest.mark.parametrize("why", ["no repository", "no git", "no commit"])
def test_where_nothing_is_known_nothing_is_written(tmp_path, monkeypatch, why):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    if why == "no git":
        (tmp_path / "folder" / ".git").mkdir()
        monkeypatch.setattr(shutil, "which", lambda name: None)
    elif why == "no commit":
        subprocess.run(["git", "init", "-q"], check=True)
    Source().write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
