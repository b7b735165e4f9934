"""figures.py, diagram.py and pictures.py as they are typed, and what follows a run in the background."""

import os
import sys
from pathlib import Path
from subprocess import Popen

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from descentlab.commands import background
from descentlab.commands.pictures import PICTURES

ROOT = Path(__file__).resolve().parents[2]
FEW = ("sweep.folders=0", "sweep.events=1", "logger=none")
TRAINED = ("train", "experiment=kink_two_relu", "hydra.run.dir=run", "trainer.max_steps=20", "figures=false")


def test_a_given_line_is_drawn_without_training(typed):
    line = ("model=linear", "model.initial_coefficients=[2.5,3.5]", "data=americano", "data.seed=43052")
    answer = typed("figures", *line)
    assert answer.code == 0
    assert "outputs/figures/linear/fit.png" in answer.out.splitlines()
    assert Path("outputs/figures/linear/fit.png").is_file()
    assert "units is left out" in answer.out
    assert not Path("outputs/runs").exists()


def test_only_some_figures_elsewhere_and_dark(typed):
    typed(*TRAINED)
    answer = typed("figures", "run=run", "only=[loss,fit]", "style=dark", "out=elsewhere")
    assert answer.out.splitlines() == ["elsewhere/loss.png", "elsewhere/fit.png"]
    assert not Path("run/figures").exists()


@pytest.mark.parametrize("command", ["figures", "diagram"])
def test_figures_are_not_drawn_through_a_link_out_of_the_run(typed, command):
    typed(*TRAINED)
    Path("elsewhere").mkdir()
    Path("run/figures").symlink_to("../elsewhere")
    answer = typed(command, "run=run")
    assert answer.code == 2
    assert "run/figures: expected a file inside the run's folder, but a link leads to" in answer.err
    assert not list(Path("elsewhere").iterdir())


def test_a_job_without_a_folder_is_drawn_too(typed):
    typed("train", "-m", "model=linear", "seed=range(0,9)", "trainer.max_steps=5", "hydra.sweep.dir=sweep", *FEW)
    assert not Path("sweep/4").exists()
    answer = typed("figures", "run=sweep/4", "only=fit")
    assert answer.out.splitlines() == ["sweep/4/figures/fit.png"]
    assert typed("figures", "run=sweep/9").err == "error: run: expected a job from 0 to 8 of sweep, got 9.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model=linear", "only=los"], "did you mean loss?"),
        (["model=linear", "animate=true"], "animate: expected run=<run folder>"),
        (["model=lineer"], "did you mean"),
        (["run=nowhere"], "there is no such file"),
        (["run=nowhere", "stile=dark"], "did you mean style?"),
        (["model=linear", "style=pink"], "style: expected"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_to_figures_is_refused(typed, arguments, words):
    answer = typed("figures", *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert not Path("outputs").exists()


def test_a_diagram_is_written_as_svg_and_png(typed):
    answer = typed("diagram", "model=relu_net", "model.hidden_width=2")
    assert answer.out.splitlines() == [f"outputs/figures/relu_net/diagram.{ending}" for ending in ("svg", "png")]
    svg, png = (Path(line) for line in answer.out.splitlines())
    assert "<svg" in svg.read_text()
    with Image.open(png) as image:
        assert image.format == "PNG"


def test_a_net_that_is_too_deep_to_be_drawn_is_refused(typed):
    answer = typed("diagram", "model=relu_net", "model.num_hidden_layers=100")
    assert (answer.code, answer.out) == (2, "")
    assert "the net is 102 layers deep" in answer.err


def test_the_diagram_of_a_run_is_in_its_folder(typed):
    typed(*TRAINED)
    assert typed("diagram", "run=run").code == 0
    assert Path("run/figures/diagram.svg").is_file()


def test_a_sweep_is_followed_by_what_tensorboard_shows_of_its_jobs(typed, monkeypatch):
    begun = []
    monkeypatch.setattr("descentlab.commands.sweep.add_to_boards_in_background", begun.append)
    sweep = ("train", "-m", "model=relu_net", "seed=range(0,3)", "trainer.max_steps=5", "hydra.sweep.dir=sweep")
    typed(*sweep)
    assert begun == [[Path("sweep").resolve() / str(k) for k in range(3)]]
    monkeypatch.setattr(sys, "argv", ["background", "board", *map(str, begun.pop())])
    background.main()
    for k in range(3):
        events = EventAccumulator(f"sweep/{k}/tensorboard")
        events.Reload()
        assert events.Tags()["graph"]
        assert [image.step for image in events.Images("chart/fit")][-1] == 5
    assert not list(Path("sweep").glob("*/figures"))
    before = sorted(Path("sweep").glob("*/tensorboard/*"))
    background.main()
    assert sorted(Path("sweep").glob("*/tensorboard/*")) == before


def test_a_run_is_followed_by_its_pictures_and_what_tensorboard_shows(typed, monkeypatch):
    typed(*TRAINED)
    before = len(list(Path("run/tensorboard").glob("events*")))
    begun = []
    monkeypatch.setattr("subprocess.Popen", lambda *given, **options: begun.append(Popen(*given, **options)))
    background.add_to_boards_in_background([])
    assert begun == []
    background.draw_in_background(Path("run"))
    (process,) = begun  # which nobody waits for but this test
    assert os.getsid(process.pid) == process.pid  # a Ctrl-C in the terminal does not reach it
    assert process.wait(timeout=100) == 0
    assert sorted(path.name for path in Path("run/figures").iterdir()) == ["fit.png", "loss.png", "units.png"]
    assert len(list(Path("run/tensorboard").glob("events*"))) == before + 1


def test_without_matplotlib_one_line_says_what_installs_it(typed, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("descentlab.extras.find_spec", lambda name: None)
    background.draw_in_background(Path("run"))
    background.add_to_boards_in_background([Path("run")])
    words = "is not drawn: pip install 'descentlab[figures]'"
    assert [line.endswith(words) for line in capsys.readouterr().err.splitlines()] == [True, True]
    answer = typed("figures", "model=linear")
    line = "expected matplotlib, which is not installed; type pip install 'descentlab[figures]'"
    assert answer.err == f"error: figures: {line}\n"


def test_the_training_is_animated_on_demand(typed):
    typed(*TRAINED)
    answer = typed("figures", "run=run", "only=fit", "animate=true")
    assert answer.out.splitlines() == ["run/figures/fit.png", "run/figures/training.gif"]
    with Image.open("run/figures/training.gif") as image:
        assert image.n_frames > 1


def test_the_pictures_of_the_pages_are_made_by_the_script_and_small(typed, monkeypatch):
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/tutorial.md")]
    for name in PICTURES:
        assert any(f"pictures/{name})" in page for page in pages), name
        assert (ROOT / "docs" / "pictures" / name).stat().st_size < 150_000
    shown = {name: PICTURES[name] for name in ("units.png", "first_update.png")}
    monkeypatch.setattr("descentlab.commands.pictures.PICTURES", shown)
    typed("pictures", "out=pictures")
    assert {path.name for path in Path("pictures").iterdir()} == set(shown)
