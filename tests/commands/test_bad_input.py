"""Two thousand wrong command lines: each is answered in one line that names the culprit, and leaves nothing."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bad_folders import folder_lines
from bad_lines import BadLine, composed_lines

ROOT = Path(__file__).resolve().parents[2]
CHUNKS = 24
SECONDS = 60
"""No line may take longer; one takes some 30 milliseconds, and one in a process of its own two seconds."""

STAY = ("outputs", "outputs/runs", "outputs/sweeps")
"""Folders around those of runs, which may have been there before."""

REMEDIES = ("expected", "did you mean", "Valid", "type ", "give ", "there is no")


@pytest.fixture(scope="module")
def lines(trained) -> list[BadLine]:
    run = trained("model=linear", "trainer.max_steps=20", "logger.every=5")
    return [*composed_lines(seed=1, count=80), *folder_lines(seed=1, run=run.folder, count=240)]


def test_there_are_two_thousand_of_them(lines):
    assert len(lines) >= 2000
    assert len({(line.command, line.arguments, *line.files.values()) for line in lines}) > 1900


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_line_is_answered_in_one_line_that_names_the_culprit(typed, tmp_path, monkeypatch, lines, chunk):
    wrong = []
    for number, line in enumerate(lines[chunk::CHUNKS]):
        folder = tmp_path / str(number)
        given = {folder / name: content for name, content in line.files.items()}
        folder.mkdir()
        for path, content in given.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        monkeypatch.chdir(folder)
        with at_most(SECONDS):
            answer = typed(line.command, *line.arguments)
        known = {*given, *(around for path in given for around in path.parents), *(folder / name for name in STAY)}
        left = {*folder.rglob("*")} - known
        faults = faults_of(line, answer.code, answer.out, answer.err)
        if faults := [*faults, *(f"left {path}" for path in sorted(left))]:
            wrong.append(f"{line}: {'; '.join(faults)}")
        shutil.rmtree(folder)
    assert not wrong, "\n".join(wrong)


def faults_of(line: BadLine, code: int, out: str, err: str) -> list[str]:
    """What is wrong with an answer to a wrong line."""
    expected = {
        f"exit code {code}": code == 2,
        "printed on stdout": out == "",
        f"not one line: {err}": err.startswith("error: ") and err.count("\n") == 1,
        f"does not name {line.culprit}: {err}": line.culprit in err,
        f"does not say what to do: {err}": any(word in err for word in REMEDIES),
    }
    return [fault for fault, holds in expected.items() if not holds]


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """A line that hangs fails."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_lines_of_every_kind_are_answered_alike_in_a_process_of_their_own(tmp_path, lines):
    for number, line in enumerate(lines[:: len(lines) // 4]):
        folder = tmp_path / str(number)
        for name, content in line.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        folder.mkdir(exist_ok=True)
        command = [sys.executable, str(ROOT / "scripts" / f"{line.command}.py"), *line.arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10 * SECONDS)
        assert faults_of(line, done.returncode, done.stdout, done.stderr) == [], str(line)
