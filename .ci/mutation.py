"""Mutation testing: change one thing in a function at a time, and expect a test to fail.

`python .ci/mutation.py` takes from `[tool.mutation]` of pyproject.toml the files to change and the tests that watch
them, prints each mutant that no test has noticed, and exits with 1 where there is one. The changes are those of mutmut,
whose own runner leaves out functions with decorators, and so every loss. Here pytest collects once; each mutant is a
fork of that process, in which the code of the function is exchanged and the tests that call it run, the quickest first.

Mutants that change no result are listed with their reasons in `equivalent_mutants.toml`. Words of the command line are
parts of the names of the files to change, and of functions in them: `python .ci/mutation.py losses stack.py:_marks`.
"""

import ast
import builtins
import math
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter, defaultdict
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from mutants import ROOT, Mutant, exchange, functions_of, mutants_of

EQUIVALENT = ROOT / ".ci" / "equivalent_mutants.toml"
ENOUGH = 240.0
"""Seconds of the processor that its tests take without a change, after which a mutant has survived."""
PATIENCE = 20
"""Times of the processor that a test takes without a change, after which its mutant hangs and has been noticed."""
SLEEP = 4
"""Times what all its tests take, and a minute beside, after which a mutant that waits has been noticed."""
GRACE = 10
"""Seconds of the processor that a test may take beside `PATIENCE` times what it takes without a change."""


def _telling(file: Path) -> ast.Module:
    """A file whose functions say when they are called."""
    tree = ast.parse(file.read_text(encoding="utf-8"))

    def tell(node: ast.AST, above: list[str]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                place = (str(file), ".".join([*above, child.name]))
                child.body[:0] = ast.parse(f"mutation_called({place!r})").body
            named = isinstance(child, ast.FunctionDef | ast.ClassDef)
            tell(child, [*above, child.name] if named else above)

    tell(tree, [])
    return tree


TERMINAL = os.dup(1)


def tell(text: str) -> None:
    """Write to the terminal, also from a fork."""
    os.write(TERMINAL, f"{text}\n".encode())


def end_after(seconds: float) -> None:
    """End this process once it has taken so much more of the processor."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds), hard))


def forked(work: Any, seconds: float | None = None) -> Any:
    """What a function gives in a fork of this process; None where it takes longer."""
    with tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            try:
                answer.write(pickle.dumps(work()))
                answer.flush()
            except BaseException:
                tell(traceback.format_exc())
            finally:
                os._exit(0)
        end = None if seconds is None else time.monotonic() + seconds
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            if end is not None and time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return None
            time.sleep(0.005)
        answer.seek(0)
        content = answer.read()
        return pickle.loads(content) if content else None


class Mutation:
    """A pytest plugin: instead of running the tests once, run those that call a mutant for each mutant."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.survivors: list[Mutant] = []
        self.functions: dict[Path, list[FunctionType]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.functions = functions_of(self.files)
        calls, seconds = forked(lambda: self.watch(session))
        tell(f"{len(seconds)} tests pass without a change, in {sum(seconds):.0f} s")
        known = {(each["file"], each["function"], each["change"]) for each in equivalent()}
        unseen = set(known)
        for file in self.files:
            counts: Counter[str] = Counter()
            for mutant in mutants_of(file):
                if not is_wanted(mutant):
                    continue
                key = (mutant.file, mutant.function, mutant.change)
                unseen.discard(key)
                verdict = "equivalent" if key in known else self.verdict(session, mutant, calls, seconds)
                counts[verdict] += 1
                if verdict in ("survived", "not called"):
                    self.survivors.append(mutant)
                    tell(f"\n{verdict}: {mutant.file} {mutant.function}\n{mutant.change}")
            tell(f"\n{file.relative_to(ROOT)}: {dict(counts)}")
        changed = {str(file.relative_to(ROOT)) for file in self.files}
        for key in sorted(each for each in unseen if each[0] in changed and ":" not in "".join(sys.argv)):
            tell(f"\nlisted as equivalent, but no mutant any more: {key}")
        session.testsfailed = len(self.survivors)
        return True

    def watch(self, session: pytest.Session) -> tuple[dict[tuple[str, str], list[int]], list[float]]:
        """Run every test unchanged: which ones call a function, by its file and name, and how long each takes."""
        calls: dict[tuple[str, str], list[int]] = defaultdict(list)
        called: set[tuple[str, str]] = set()
        builtins.mutation_called = called.add  # type: ignore[attr-defined]  # a name of ours, seen by every mutant
        for file in self.files:
            exchange(self.functions[file], ast.unparse(_telling(file)))
        seconds = []
        for index, item in enumerate(session.items):
            began = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            seconds.append(time.process_time() - began)
            for place in called:
                calls[place].append(index)
            called.clear()
            if session.testsfailed:
                tell(f"{item.nodeid} fails without a change")
                os._exit(1)
        return dict(calls), seconds

    def verdict(
        self, session: pytest.Session, mutant: Mutant, calls: dict[tuple[str, str], list[int]], seconds: list[float]
    ) -> str:
        """Whether a test notices a mutant."""
        chosen = sorted(calls.get((str(ROOT / mutant.file), mutant.function), []), key=lambda index: seconds[index])
        if not chosen:
            return "not called"

        def run() -> bool:
            exchange(self.functions[ROOT / mutant.file], mutant.source)
            spent = 0.0
            for index in chosen:
                item = session.items[index]
                end_after(PATIENCE * seconds[index] + GRACE)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                spent += seconds[index]
                if session.testsfailed:
                    return True
                if spent > ENOUGH:
                    break
            return False

        expected = min(sum(seconds[index] for index in chosen), ENOUGH)
        return "survived" if forked(run, SLEEP * expected + 60) is False else "noticed"


def is_wanted(mutant: Mutant) -> bool:
    """Whether the words of the command line name the function of a mutant, or nothing in its file by itself."""
    pairs = [word.partition(":") for word in sys.argv[1:]]
    functions = [function for file, _, function in pairs if file in mutant.file]
    return not functions or any(function in mutant.function for function in functions)


def equivalent() -> list[dict[str, str]]:
    """The mutants that change no result: file, function, change and reason of each."""
    return tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])


def main() -> int:
    """The number of mutants that no test has noticed, at most 1 as an exit code."""
    os.chdir(ROOT)
    rooms = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutation"]
    wanted = [word.partition(":")[0] for word in sys.argv[1:]]
    files, tests = [], []
    for room in rooms:
        chosen = [
            file for pattern in room["files"] for file in sorted(ROOT.glob(pattern)) if file.name != "__init__.py"
        ]
        chosen = [file for file in chosen if not wanted or any(word in str(file) for word in wanted)]
        if chosen:
            files += chosen
            tests += room["tests"]
    plugin = Mutation(files)
    pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-s", *tests], plugins=[plugin])
    return int(bool(plugin.survivors))


if __name__ == "__main__":
    sys.exit(main())
