"""Folders that were made for one run alone are taken away with nothing else."""

from pathlib import Path

import pytest

from descentlab.runs.folders import make_exclusively, take_away


def test_a_folder_goes_with_the_empty_one_around_it(tmp_path: Path) -> None:
    make_exclusively(tmp_path / "runs" / "one", "key")
    take_away(tmp_path / "runs" / "one")
    assert tmp_path.is_dir()
    assert not (tmp_path / "runs").exists()


def test_a_folder_goes_with_all_empty_ones_around_it_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_exclusively(Path("outputs/runs/linear/one"), "key")
    take_away(Path("outputs/runs/linear/one"))
    assert list(tmp_path.iterdir()) == []


def test_of_the_empty_folders_around_one_elsewhere_the_nearest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make_exclusively(tmp_path / "mine" / "runs" / "one", "key")
    take_away(tmp_path / "mine" / "runs" / "one")
    assert list((tmp_path / "mine").iterdir()) == []


def test_what_else_is_there_stays(tmp_path: Path) -> None:
    make_exclusively(tmp_path / "runs" / "one", "key")
    make_exclusively(tmp_path / "runs" / "two", "key")
    take_away(tmp_path / "runs" / "one")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["two"]


def test_the_folder_that_the_user_stands_in_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_exclusively(Path("mine"), "key")
    take_away(Path("mine"))
    assert tmp_path.is_dir()
