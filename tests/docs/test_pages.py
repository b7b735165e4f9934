"""The pages of docs, and those beside the README: they are built, their links and pictures lead somewhere."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import descentlab

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(descentlab.__file__).parent
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
STRICT = ("-W", "--keep-going", "-n", "-q")
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


def test_the_tutorial_goes_through_every_lesson(any_lesson):
    assert any_lesson in re.findall(r"experiment=(\w+)", TUTORIAL)


def test_the_tutorial_shows_a_picture_in_every_lesson():
    lessons = re.split(r"^## (?=\d)", TUTORIAL.partition("## Your own points")[0], flags=re.MULTILINE)[1:]
    assert [lesson[0] for lesson in lessons] == ["1", "2", "3", "4", "5"]
    assert all("](pictures/" in lesson for lesson in lessons)


@pytest.fixture(scope="module")
def builder() -> Any:
    return pytest.importorskip("sphinx.cmd.build", reason="pip install -e '.[docs]'")


# 2026-11: myst-parser 5.2 calls Sphinx 9 in ways of which Python's own warnings tell, not Sphinx's.
of_its_libraries = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")


@of_its_libraries
def test_the_pages_are_built_without_a_warning(builder, tmp_path):
    assert f"sphinx {' '.join(STRICT)} docs build/docs\n" in (ROOT / "Makefile").read_text()
    assert builder.main([*STRICT, str(ROOT / "docs"), str(tmp_path / "docs")]) == 0
    built = {page.stem for page in (tmp_path / "docs").glob("*.html")}
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} < built


@of_its_libraries
def test_a_link_to_nowhere_is_no_page(builder, tmp_path, capsys):
    (tmp_path / "conf.py").write_text('extensions = ["myst_parser"]\n')
    (tmp_path / "index.md").write_text("# Page\n\n[nowhere](nowhere.md)\n")
    assert builder.main([*STRICT, str(tmp_path), str(tmp_path / "docs")]) == 1
    assert "nowhere.md" in capsys.readouterr().err


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
