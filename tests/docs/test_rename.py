"""`python scripts/rename.py`: a copy of the repository under another name."""

import json
import subprocess
import sys

import pytest

from descentlab.commands import rename
from descentlab.commands.rename import OLD

NAME = "another_study"


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(copy):
    git(copy, "init", "-q")
    git(copy, "add", "-A")
    git(copy, "commit", "-q", "-m", "copy")
    return copy


def test_a_renamed_clone_trains_passes_its_tests_and_has_forgotten_its_old_name(clone, run_in, in_one_process):
    done = run_in(clone, "scripts/rename.py", NAME)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("; make lint test, then commit.\n")
    linted = run_in(clone, "-m", "ruff", "check", "-q")
    assert linted.returncode == 0, linted.stdout
    assert run_in(clone, "-m", "ruff", "format", "-q", "--check").returncode == 0
    git(clone, "add", "-A")
    names = subprocess.run(["git", "ls-files"], cwd=clone, capture_output=True, text=True, check=True).stdout.split()
    assert f"src/{NAME}/nets/linear.py" in names
    for name in names:
        assert OLD not in name
        assert OLD not in (clone / name).read_text(encoding="utf-8").lower() or name == "LICENSE", name
    assert not (clone / "src" / OLD).exists()
    lines = [["train", "model=linear", "trainer.max_steps=5"], ["train", "-m", "trainer.max_steps=5", "seed=1,2"]]
    trained = run_in(clone, "-c", in_one_process.replace(OLD, NAME), stdin=json.dumps(lines))
    assert (trained.returncode, trained.stderr) == (0, "")
    tests = ["settings/test_trust", "nets/test_linear", "data/test_table"]
    tested = run_in(clone, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}.py" for name in tests))
    assert tested.returncode == 0, tested.stdout


SMALL = {
    f"src/{OLD}/a/b.py": f"import {OLD}.c  # {OLD.upper()}_HOME\n".encode(),
    f"src/hydra_plugins/{OLD}/d.py": b"e = 1\n",
    "LICENSE": f"(c) the authors of {OLD}\n".encode(),
    "README.md": b"nothing to be renamed\n",
    "picture.png": b"\0" + OLD.encode(),
}
"""Of a repository, its files with their contents."""


@pytest.fixture
def small(tmp_path):
    """That repository, with a compiled file beside its source."""
    for name, content in SMALL.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "small")
    (tmp_path / "src" / OLD / "a" / "b.pyc").write_bytes(b"compiled")
    (tmp_path / ".git" / "info" / "exclude").write_text("*.pyc\n")
    return tmp_path


def test_files_and_folders_take_the_name_but_the_license_and_what_is_no_text(small):
    assert rename.rename(small, NAME) == 2
    found = {path for path in small.rglob("*") if path.is_file() and ".git" not in path.parts}
    assert {str(path.relative_to(small)): path.read_bytes() for path in found} == {
        **{name: SMALL[name] for name in ("LICENSE", "README.md", "picture.png")},
        f"src/{NAME}/a/b.py": f"import {NAME}.c  # {NAME.upper()}_HOME\n".encode(),
        f"src/hydra_plugins/{NAME}/d.py": b"e = 1\n",
    }
    assert not (small / "src" / OLD).exists()


def test_the_command_line_says_what_it_has_done_or_why_not(small, monkeypatch, capsys):
    monkeypatch.setattr(rename, "__file__", str(small / "src" / OLD / "commands" / "rename.py"))
    monkeypatch.setattr(sys, "argv", ["rename.py", NAME])
    monkeypatch.setattr(rename.shutil, "which", lambda *_, **__: None)  # as before `make` has installed ruff
    rename.main()
    told, following = capsys.readouterr().out.splitlines()
    assert told == f"{OLD} is now {NAME}: 2 files changed"
    assert following.startswith(f"Next: .venv/bin/pip uninstall -y {OLD}, ")
    assert following.endswith("; make format lint test, then commit.")
    monkeypatch.setattr(sys, "argv", ["rename.py", "json"])
    with pytest.raises(SystemExit) as end:
        rename.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: json: expected a name that is not taken yet")


def test_a_tree_with_changes_is_left_alone(clone):
    (clone / "README.md").write_text("mine\n")
    with pytest.raises(rename.InputError, match=r"expected a clean git tree, got M README\.md; commit first"):
        rename.rename(clone, NAME)
    assert (clone / "src" / OLD).is_dir()


def test_without_git_there_is_no_way_back_and_no_renaming(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(rename.InputError, match="expected a git repository"):
        rename.rename(tmp_path, NAME)


@pytest.mark.parametrize("name", ["My_Study", "my-study", "1st", "class", "../mine", "_mine", ""])
def test_what_cannot_be_a_package_is_refused(tmp_path, name):
    with pytest.raises(rename.InputError, match="expected a name in small letters"):
        rename.rename(tmp_path, name)


@pytest.mark.parametrize("name", ["torch", "json", "tests", OLD])
def test_a_name_that_is_taken_is_refused(tmp_path, name):
    with pytest.raises(rename.InputError, match="expected a name that is not taken yet"):
        rename.rename(tmp_path, name)
