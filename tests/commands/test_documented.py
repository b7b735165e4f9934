"""Every code block of the README and of docs does what it says, in its order, each page in a folder of its own.

A block below `<!-- not executed: … -->` is left out for the reason given there. Trainings that do not name their
`trainer.max_steps` are cut short, and so are ranges of hundreds: what the lessons come to is held by tests/lessons.
"""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from descentlab.errors import InputError
from descentlab.runs.stability import start_stability
from descentlab.settings.compose import compose
from descentlab.sweeps.fit import schedule

ROOT = Path(__file__).resolve().parents[2]
WITH_A_TEST_OF_THEIR_OWN = {
    "extending.md": "tests/docs/test_extending.py",
    "python.md": "tests/docs/test_python.py",
}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:^<!-- not executed: (.*?) -->\n)?^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    """A code block: its language, its text, and why it is not executed."""

    language: str
    text: str
    reason: str | None

    @property
    def lines(self) -> list[str]:
        """The commands of a block of bash, each on one line."""
        return [line for line in self.text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def blocks(page: Path) -> list[Block]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(language, text, reason or None) for reason, language, text in found]


def cut_short(words: list[str]) -> list[str]:
    """The words of a training, of fewer steps and members."""
    if "experiment=kink_two_relu_starts" in words:
        words = [*words, "model.seed=range(0,1000)"]  # as the file has it
    fewer = [re.sub(r"range\(0,\d{3,}\)", "range(0,10)", word) for word in words]
    if any(word.startswith(("trainer.max_steps=", "run=")) or "given_line" in word for word in words):
        return fewer
    return [*fewer, "trainer.max_steps=20"]


CUT = ("scripts/train.py", "scripts/find_rate.py")
EXECUTED = [page for page in PAGES if blocks(page) and page.name not in WITH_A_TEST_OF_THEIR_OWN]


@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page, typed, monkeypatch):
    monkeypatch.setattr("descentlab.processes.num_cores", lambda: 1)  # a sweep trains in this process
    for command in ("train", "resume"):  # nobody waits for the pictures
        monkeypatch.setattr(f"descentlab.commands.{command}.draw_in_background", lambda folder: None)
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.reason is not None or block.language == "":
            continue
        if block.language == "python":
            exec(compile(block.text, page.name, "exec"), names)
            continue
        assert block.language == "bash"
        for line in block.lines:
            if not line.startswith("python scripts/") or " --" in line:  # of which Hydra keeps a part in its process
                line = line.replace("python ", f"{sys.executable} {ROOT}/")
                subprocess.run(["bash", "-c", line], check=True, capture_output=True, timeout=60)
                continue
            _, script, *words = shlex.split(line, comments=True)
            answer = typed(Path(script).stem, *(cut_short(words) if script in CUT else words))
            unexpected = [said for said in answer.err.splitlines() if not said.startswith(("warning: ", "Lightning "))]
            assert (answer.code, unexpected) == (0, []), line
            assert answer.out, line


def test_every_page_with_blocks_is_executed_or_says_why_not():
    for page in PAGES:
        for block in blocks(page):
            assert block.language in ("bash", "python", "yaml", ""), page.name
    for test in WITH_A_TEST_OF_THEIR_OWN.values():
        assert (ROOT / test).is_file()


def overrides_in_prose() -> list[str]:
    """What a page has in its sentences and tables of the form `key=value …`, bare or behind the command."""
    known = compose([])
    found = []
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for span in re.findall(r"`([^`\n<…]+)`", prose):
            words = span.removeprefix("python scripts/train.py ").split()
            if all(
                re.match(r"\+?(\w+)[\w.]*=.", word) and word.lstrip("+").split("=")[0].split(".")[0] in known
                for word in words
            ):
                found.append(" ".join(words))
    return sorted(set(found))


REFUSED = {
    "optimizer=ad": "did you mean adam",
    "model._target_=my_lab.Net trusted_packages=[my_lab]": "there is no package 'my_lab'",
}
IN_COMPANY = {"+optimizer.amsgrad=true": ["optimizer=adam"]}


@pytest.mark.parametrize("overrides", overrides_in_prose())
def test_what_a_sentence_says_to_type_can_be_typed(overrides):
    if overrides in REFUSED:
        with pytest.raises(InputError, match=REFUSED[overrides]):
            compose(overrides.split())
    else:
        compose([*IN_COMPANY.get(overrides, []), *overrides.split()])


SCHEDULED = [overrides for overrides in overrides_in_prose() if "scheduler._target_=" in overrides]


@pytest.mark.parametrize("overrides", SCHEDULED)
def test_a_scheduler_that_a_sentence_names_leaves_every_step_a_rate(overrides):
    settings = compose(overrides.split())
    rates = schedule(settings, settings["trainer"]["max_steps"])
    assert all(rate > 0 for rate in rates)


WIDE = [
    shlex.split(line, comments=True)[2:]
    for page in PAGES
    for block in blocks(page)
    for line in block.lines
    if "scripts/train.py model=wide_net" in line
]


def test_a_wide_net_is_trained_at_a_rate_below_its_limit_which_the_default_is_not():
    assert WIDE
    assert start_stability(compose(["model=wide_net"])).is_above
    assert not any(start_stability(compose(words)).is_above for words in WIDE)


@pytest.mark.parametrize("target", ["train", "test"])
def test_a_make_target_of_the_readme_is_there(target):
    assert f"\nmake {target} " in (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_the_plain_lines_are_those_that_make_runs():
    recipe = MAKEFILE.replace("$(BIN)", ".venv/bin").replace("$(PYTHON)", "python3").replace(" --quiet", "")
    lines = [line for block in blocks(ROOT / "docs" / "runs.md") for line in block.lines]
    plain = [line for line in lines if line.startswith((".venv/bin", "python3"))]
    assert len(plain) == 4
    for line in plain:
        assert f"\t{line}\n" in recipe, line
