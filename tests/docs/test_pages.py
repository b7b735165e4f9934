"""The pages of docs, and those beside the README: their commands are accepted, their links lead somewhere."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

import descentlab
from descentlab.settings.compose import compose, config_folder

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(descentlab.__file__).parent
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_to_a_file(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", ["architecture.md", "tutorial.md"])
def test_a_file_that_a_page_names_is_there(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+/[\w/]*\.(?:py|yaml))`", text)
    assert named
    assert not [path for path in named if not any((base / path).is_file() for base in (ROOT, PACKAGE))]


def test_the_tutorial_goes_through_every_lesson():
    lessons = {file.stem for file in (config_folder() / "experiment").glob("*.yaml")}
    assert lessons <= set(re.findall(r"experiment=(\w+)", TUTORIAL))


def test_the_training_commands_of_the_tutorial_are_accepted(read_commands):
    training = [words[1:] for words in read_commands(TUTORIAL) if words[0] == "scripts/train.py"]
    assert len(training) > 20
    for words in training:
        swept = [word for word in words if word != "-m"]
        first = [
            f"{over.key_or_group}={_first_value(over)}" for over in OverridesParser.create().parse_overrides(swept)
        ]
        compose([word for word in first if not word.startswith("hydra.")])


def _first_value(override) -> str:
    if not override.is_sweep_override():
        return override.input_line.partition("=")[2]
    return str(next(iter(override.sweep_string_iterator())))


@pytest.mark.parametrize("words", ["run=outputs/americano", "run=outputs/kink", "run=outputs/study"])
def test_a_folder_that_the_tutorial_reads_is_one_that_it_has_trained(words):
    folder = words.partition("=")[2]
    assert 0 < TUTORIAL.index(f"hydra.run.dir={folder}") < TUTORIAL.index(words)


def test_the_citation_and_the_package_have_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == project["version"] == descentlab.__version__


def test_the_hooks_before_a_commit_are_local_and_those_of_make_lint():
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repository["repo"] for repository in repositories} == {"local"}
    entries = [hook["entry"] for repository in repositories for hook in repository["hooks"]]
    recipe = (ROOT / "Makefile").read_text().replace("$(BIN)", ".venv/bin").partition("lint:")[2].partition("\n\n")[0]
    for line in recipe.splitlines()[1:]:
        assert line.strip().removesuffix(" --check") in entries


def test_the_workflow_runs_what_contributors_run():
    workflow = (ROOT / ".github/workflows/test.yml").read_text()
    assert "make lint test\n" in (ROOT / "CONTRIBUTING.md").read_text()
    assert "run: make lint\n" in workflow
    assert "run: make test\n" in workflow
