"""docs/extending.md, followed to the letter in a copy of the repository."""

import json
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")


def test_whoever_follows_the_page_gets_what_it_promises(copy, run_in, read_files, read_commands, in_one_process):
    files = read_files(PAGE)
    assert len(files) == 14  # a file of Python and one of YAML for each of seven sections
    for path, text in files.items():
        assert not (copy / path).exists()
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(text, encoding="utf-8")
    commands = read_commands(PAGE)
    scripts = [[Path(words[0]).stem, *words[1:]] for words in commands if words[0] != "-m"]
    done = run_in(copy, "-c", in_one_process, stdin=json.dumps(scripts))
    assert (done.returncode, done.stderr) == (
        0,
        "Lightning makes each step itself: SparseLinearRegression has a training_step of its own\n",
    )
    assert "0 train/loss " in (copy / "outputs/noted/notes.txt").read_text()
    (measured,) = (copy / "outputs/runs/relu_net").glob("*/csv/metrics.csv")
    assert "val/mae" in measured.read_text()
    tests = [words[2:] for words in commands if words[:2] == ["-m", "pytest"]]
    paths = [word for words in tests for word in words if word.startswith("tests/")]
    names = " or ".join(word for words in tests for word in words if not word.startswith(("tests/", "-")))
    suites = run_in(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths, "-k", names)
    assert suites.returncode == 0, suites.stdout
    assert " passed" in suites.stdout
