"""`python scripts/new.py`: what it writes trains and passes all checks, in a copy of the repository."""

import json

import pytest

from descentlab.commands import new


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


def test_a_file_that_is_there_is_kept(copy, run_in):
    net = copy / "src" / new.__name__.partition(".")[0] / "nets" / "mine.py"
    net.write_text("# mine\n")
    done = run_in(copy, "scripts/new.py", "model", "mine")
    assert done.returncode == 2
    assert done.stderr.startswith("error: mine: expected a name that is not taken, but src/")
    assert net.read_text() == "# mine\n"
    assert not (copy / "conf/model/mine.yaml").exists()


BAD = {
    "a kind that is none": (["modle", "mine"], "modle: there is no such kind; did you mean model?"),
    "no name": (["model"], "expected a kind and a name, got 1 words"),
    "capitals": (["model", "Mine"], "Mine: expected a name in small letters"),
    "a path": (["model", "../mine"], "../mine: expected a name in small letters"),
    "a word of Python's": (["model", "class"], "class: expected a name in small letters"),
    "what each generator's law is called": (["generator", "law"], "law: expected a name in small letters"),
}


@pytest.mark.parametrize(("words", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_a_name_is_refused(words, message):
    with pytest.raises(new.InputError) as refused:
        new._new(words)
    assert str(refused.value).startswith(message)
