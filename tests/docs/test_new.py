"""`python scripts/new.py`: what it writes trains and passes all checks, in a copy of the repository."""

import json
import shutil

import pytest

from descentlab.commands import new

PACKAGE = new.__name__.partition(".")[0]


def test_what_it_writes_trains_and_passes_lint_types_and_its_suites(copy, run_in, in_one_process):
    lines = [
        ["new", "model", "my_net"],
        ["new", "generator", "my_law"],
        ["train", "model=my_net", "data=my_law", "trainer.max_steps=20"],
    ]
    done = run_in(copy, "-c", in_one_process, stdin=json.dumps(lines))
    assert (done.returncode, done.stderr) == (0, "")
    assert "python scripts/train.py model=my_net" in done.stdout
    written = [line for line in done.stdout.splitlines() if "my_" in line and line.endswith((".py", ".yaml"))]
    assert len(written) == 6
    sources = [path for path in written if path.endswith(".py")]
    for check in (["ruff", "check", *sources], ["ruff", "format", "--check", *sources]):
        checked = run_in(copy, "-m", *check)
        assert checked.returncode == 0, checked.stdout
    suites = ["tests/nets", "tests/generators", "-k", "MyNet or my_net or my_law"]
    tested = run_in(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suites)
    assert tested.returncode == 0, tested.stdout
    ours = [path for path in sources if path.startswith("src")]
    typed = run_in(copy, "-m", "mypy", "--no-incremental", "--follow-imports=skip", *ours)  # torch takes 10 seconds
    assert typed.returncode == 0, typed.stdout


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """An empty clone, to which this command belongs."""
    monkeypatch.setattr(new, "__file__", str(tmp_path / "src" / PACKAGE / "commands" / "new.py"))
    for folder in (f"src/{PACKAGE}/nets", f"src/{PACKAGE}/generators", "conf/model", "conf/data"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("nets", "generators"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(("kind", "room"), [("model", "nets"), ("generator", "generators")])
def test_a_kind_has_its_three_files_with_the_name_in_them(clone, capsys, kind, room):
    group = {"model": "model", "generator": "data"}[kind]
    new._new([kind, "my_own"])
    *written, _, tells, train, test = capsys.readouterr().out.splitlines()
    assert written == [f"src/{PACKAGE}/{room}/my_own.py", f"conf/{group}/my_own.yaml", f"tests/{room}/test_my_own.py"]
    assert (tells, train) == ("Try it:", f"python scripts/train.py {group}=my_own")
    assert test.startswith(f"python -m pytest tests/{room} -k ")
    source, config, suite = ((clone / path).read_text() for path in written)
    assert f"_target_: {PACKAGE}.{room}.my_own." in config
    assert f"from {PACKAGE}.{room}.my_own import " in suite
    assert all(text.lstrip('#" ').startswith("My own") for text in (source, config, suite))


def test_a_file_that_is_there_is_kept(clone):
    net = clone / "src" / PACKAGE / "nets" / "mine.py"
    net.write_text("# mine\n")
    with pytest.raises(new.InputError, match="mine: expected a name that is not taken, but src/"):
        new._new(["model", "mine"])
    assert net.read_text() == "# mine\n"
    assert not (clone / "conf/model/mine.yaml").exists()


def test_outside_of_a_clone_nothing_is_written(clone):
    shutil.rmtree(clone / "conf")
    with pytest.raises(new.InputError, match="expected a clone of the repository, with conf and tests"):
        new._new(["model", "mine"])
    assert not [path for path in clone.rglob("*") if path.is_file()]


BAD = {
    "a kind that is none": (["modle", "mine"], "modle: there is no such kind; did you mean model?"),
    "no name": (["model"], "expected a kind and a name, got 1 words"),
    "capitals": (["model", "Mine"], "Mine: expected a name in small letters"),
    "a path": (["model", "../mine"], "../mine: expected a name in small letters"),
    "a word of Python's": (["model", "class"], "class: expected a name in small letters"),
    "a word of Python's in capitals": (["model", "none"], "none: expected a name in small letters"),
    "what each generator's law is called": (["generator", "law"], "law: expected a name in small letters"),
}


@pytest.mark.parametrize(("words", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_a_name_is_refused(words, message):
    with pytest.raises(new.InputError) as refused:
        new._new(words)
    assert str(refused.value).startswith(message)
