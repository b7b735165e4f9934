"""`python scripts/rename.py`: a copy of the repository under another name."""

import json
import subprocess

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
    recipe = (clone / "Makefile").read_text(encoding="utf-8").partition("\nformat:")[2].partition("\n\n")[0]
    for line in recipe.splitlines()[1:]:
        assert run_in(clone, "-m", *line.replace("$(BIN)/", "").split()).returncode == 0
    linted = run_in(clone, "-m", "ruff", "check", "-q")
    assert linted.returncode == 0, linted.stdout
    assert run_in(clone, "-m", "ruff", "format", "-q", "--check").returncode == 0


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
