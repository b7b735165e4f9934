"""What a real TensorBoard server answers of a run, over HTTP on loopback, held against its history."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from descentlab.functional.stability import hessian, largest_eigenvalue
from descentlab.reports.subject import Subject
from descentlab.reports.tensorboard.run_pictures import FIT_IMAGE, LOSS_IMAGE, add_to_board
from descentlab.runs.dashboard import LAYOUT, STABILITY_LIMIT
from descentlab.runs.stability import start_stability

RUNS = {
    "net": ("experiment=kink_two_relu", "trainer.max_steps=200", "logger.every=50"),
    "line": ("experiment=americano", "logger.every=10"),
}


ROOT = Path(__file__).resolve().parents[3]
SWEEP = ("experiment=kink_two_relu_starts", "model.seed=range(0,20)", "trainer.max_steps=30", "sweep.events=3")


@pytest.fixture(scope="module")
def logs(trained: Callable[..., Any], swept: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two runs and a sweep with all that follows them."""
    folder = tmp_path_factory.mktemp("logs")
    shutil.copytree(swept(*SWEEP), folder / "sweep")
    for name, overrides in RUNS.items():
        shutil.copytree(trained(*overrides).folder, folder / name)
        add_to_board(Subject.of_run(folder / name), folder / name / "tensorboard")
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Python finds the entry points of `pyproject.toml`, as an installation leaves them."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    folder = tmp_path_factory.mktemp("installed")
    (folder / "ours-0.dist-info").mkdir()
    (folder / "ours-0.dist-info" / "METADATA").write_text("Name: ours\nVersion: 0\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in named.items()) for group, named in points.items()]
    (folder / "ours-0.dist-info" / "entry_points.txt").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def answer(logs: Path, installed: Path) -> Iterator[Callable[[str], Any]]:
    """Asks the server of the logs for a path, and reads the JSON it gives."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--host", "127.0.0.1", "--port", "0"]
    server = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(installed)}
    )
    try:
        assert server.stderr is not None
        url = next(found[0] for line in server.stderr if (found := re.search(r"http://127.0.0.1:\d+/", line)))

        def ask(path: str) -> Any:
            with urllib.request.urlopen(f"{url}data/{path}", timeout=60) as response:
                content = response.read()
            return json.loads(content) if response.headers["Content-Type"].startswith("application/json") else content

        def last_image(run: str) -> int:
            if f"{run}/tensorboard" not in ask("plugin/images/tags"):
                return -1
            return ask(f"plugin/images/images?run={run}/tensorboard&tag={FIT_IMAGE}&sample=0")[-1]["step"]

        until = time.monotonic() + 240
        while any(last_image(run) < num_steps for run, num_steps in {"net": 200, "line": 30}.items()):
            assert time.monotonic() < until, "the server has not read the runs"
            time.sleep(0.2)
        yield ask
    finally:
        server.terminate()
        server.communicate()


def scalars(answer: Callable[[str], Any], run: str, tag: str) -> dict[int, float]:
    return {step: value for _, step, value in answer(f"plugin/scalars/scalars?run={run}/tensorboard&tag={tag}")}


@pytest.mark.parametrize("run", RUNS)
def test_the_losses_and_coefficients_are_those_of_the_history(answer, logs, run):
    with open(logs / run / "history.csv", newline="") as file:
        rows = {int(row["step"]): row for row in csv.DictReader(file)}
    parameters = [name for name in next(iter(rows.values())) if name[0] in "who" and name != "step"]
    tags = {"train/loss": "train/loss", "val/loss": "val/loss", **{f"coefficients/{name}": name for name in parameters}}
    for tag, column in tags.items():
        shown = scalars(answer, run, tag)
        assert len(shown) >= 4
        for step, value in shown.items():
            assert value == pytest.approx(float(rows[step][column]), rel=1e-6), (tag, step)


def test_every_chart_of_the_layout_finds_its_scalars(answer):
    charts = {
        chart["title"] for group in answer("plugin/custom_scalars/layout")["category"] for chart in group["chart"]
    }
    assert charts >= {title for group in LAYOUT.values() for title in group}
    tags = set(answer("plugin/scalars/tags")["net/tensorboard"])
    assert {"train/loss", "val/loss", "train/gradient_norm", "train/lr", STABILITY_LIMIT} <= tags


def test_the_stability_limit_of_a_line_is_two_over_the_largest_curvature(answer, logs):
    subject = Subject.of_run(logs / "line")
    x, _ = subject.points("train")
    curvature = largest_eigenvalue(hessian(subject.module.net.design_matrix(x), "sse"))
    limits = scalars(answer, "line", STABILITY_LIMIT)
    assert set(limits) >= {0, 30}
    assert list(limits.values()) == pytest.approx([2 / curvature] * len(limits), rel=1e-6)


@pytest.mark.parametrize("optimizer", [["optimizer.weight_decay=3.0"], ["optimizer=momentum", "optimizer.lr=0.001"]])
def test_the_stability_limit_is_that_of_the_command(trained, optimizer):
    run = trained("experiment=cubic", "trainer.max_steps=20", *optimizer)
    subject = Subject.of_run(run.folder)
    add_to_board(subject, run.folder / "tensorboard")
    board = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    limits = [event.value for event in board.Scalars(STABILITY_LIMIT)]
    assert limits == pytest.approx([start_stability(subject.settings).limit] * len(limits), rel=1e-6)


def test_the_fit_is_there_as_images_from_the_first_step_to_the_last(answer):
    images = answer(f"plugin/images/images?run=net/tensorboard&tag={FIT_IMAGE}&sample=0")
    steps = [image["step"] for image in images]
    assert steps == sorted(steps)
    assert steps[-1] == 200
    with Image.open(io.BytesIO(answer(f"plugin/images/individualImage?{images[0]['query']}"))) as image:
        assert (image.format, image.size) == ("PNG", (448, 288))


def test_the_losses_are_an_image_of_the_last_step(answer):
    (image,) = answer(f"plugin/images/images?run=line/tensorboard&tag={LOSS_IMAGE}&sample=0")
    assert image["step"] == 30


def test_the_graph_shows_the_layers(answer):
    graph = answer("plugin/graphs/graph?run=net/tensorboard")
    assert b"ReLUNet/Linear[hidden1]" in graph
    assert b"ReLUNet/ReLU[activation1]" in graph


def test_the_config_stands_as_text(answer, logs):
    (text,) = answer("plugin/text/text?run=net/tensorboard&tag=config/text_summary")
    for line in (logs / "net" / "config.yaml").read_text().splitlines():
        assert line.strip().split(": ")[0] in text["text"]


def test_hparams_shows_every_job_of_a_sweep_with_its_final_metrics_though_few_are_runs(answer, logs):
    request = {"startIndex": 0, "sliceSize": 100, "includeMetrics": True}
    request["allowedStatuses"] = ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_UNKNOWN"]
    groups = answer(f"plugin/hparams/session_groups?request={quote(json.dumps(request))}")["sessionGroups"]
    shown = {}
    for group in groups:
        metrics = {value["name"]["tag"]: value["value"] for value in group["metricValues"]}
        if group["name"].startswith("sweep/"):
            shown[group["hparams"]["model.seed"]] = metrics["final/train/loss"]
    with open(logs / "sweep" / "sweep.csv", newline="") as file:
        written = {float(row["model.seed"]): float(row["train/loss"]) for row in csv.DictReader(file)}
    assert len(written) == 20
    assert shown == pytest.approx(written)
    assert len([run for run in answer("runs") if run.startswith("sweep/")]) <= 3 + 3 + 1


def test_a_run_without_tensorboard_gets_no_events(two_units, tmp_path):
    add_to_board(two_units, tmp_path / "tensorboard")
    assert not list(tmp_path.iterdir())
