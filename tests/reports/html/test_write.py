"""The file of a report, without a browser."""

import base64
import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from descentlab.reports.html import write
from descentlab.reports.html.write import shown_jobs, write_report
from descentlab.reports.study import read_study
from descentlab.runs.judge import predict
from descentlab.runs.load import load_data

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """The elements of a page, and its table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.heads: dict[str, list[str]] = {}
        self._table = ""
        self._in_head = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.elements.append((tag, values))
        if tag == "table":
            self._table = values["id"]
            self.tables[self._table] = []
            self.heads[self._table] = []
        elif tag == "tr" and self._table:
            self.tables[self._table].append([])
        elif tag == "td":
            self.tables[self._table][-1].append(values["data-value"])
        self._in_head = tag == "button" and bool(self._table)

    def handle_endtag(self, tag):
        self._in_head = False
        self._table = "" if tag == "table" else self._table

    def handle_data(self, data):
        if self._in_head:
            self.heads[self._table].append(data)


def report(folder: Path, **given) -> str:
    to = folder / "report.html"
    write_report(read_study(given.get("sweeps", []), given.get("runs", [])), to)
    return to.read_text(encoding="utf-8")


def payload(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


@pytest.fixture(scope="module")
def kink(kink_sweep_to_read: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the kink sweep, and its report."""
    folder = Path(shutil.copytree(kink_sweep_to_read, tmp_path_factory.mktemp("kink") / "kink"))
    return folder, report(folder, sweeps=[folder])


def test_the_table_of_jobs_is_sweep_csv(kink):
    folder, text = kink
    page = Page(text)
    head, rows = page.heads["jobs-table"], page.tables["jobs-table"][1:]
    with open(folder / "sweep.csv", newline="") as file:
        written = list(csv.DictReader(file))
    for cells, row in zip(rows, written, strict=True):
        shown = dict(zip(head, cells, strict=True))
        assert shown["job"] == row["job"]
        for metric in ("train/loss", "train/mse", "val/loss", "val/mse"):
            assert shown[metric] == row[metric]
        assert shown["hidden_width"] == row["model.hidden_width"]


def test_the_summary_is_summary_csv(kink):
    folder, text = kink
    page = Page(text)
    head, rows = page.heads["summary-table"], page.tables["summary-table"][1:]
    with open(folder / "summary.csv", newline="") as file:
        written = list(csv.DictReader(file))
    for cells, row in zip(rows, written, strict=True):
        shown = dict(zip(head, cells, strict=True))
        assert (shown["hidden_width"], shown["jobs"], shown["failed"]) == (
            row["model.hidden_width"],
            row["count"],
            row["failures"],
        )
        assert shown["rate"] == row["failure_rate"]
        assert shown["val/loss median"] == row["val/loss median"]


def test_each_job_links_to_its_folder_relative_to_the_report(kink):
    folder, text = kink
    page = Page(text)
    links = [values["href"] for tag, values in page.elements if tag == "a" and not values["href"].startswith("#")]
    assert {f"{k}/" for k in range(12)} <= set(links)
    assert all((folder / link).is_dir() for link in links)


def test_the_page_asks_the_network_for_nothing(kink):
    _, text = kink
    page = Page(text)
    assert not [values for tag, values in page.elements if tag in ("link", "iframe", "img") or "src" in values]
    policy = next(values["content"] for tag, values in page.elements if values.get("http-equiv"))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_the_curves_are_those_of_the_histories(kink):
    folder, text = kink
    data = payload(text)
    curves = np.frombuffer(base64.b64decode(data["curves"]), "<f4").reshape(12, -1)
    for k in (0, 7):
        with open(folder / str(k) / "history.csv", newline="") as file:
            losses = {int(row["step"]): float(row["train/loss"]) for row in csv.DictReader(file)}
        expected = np.array([losses[step] for step in data["steps"]], np.float32)
        assert np.array_equal(curves[k], expected)


def test_the_failure_rates_of_the_picture_are_those_of_the_summary(kink):
    folder, text = kink
    data = payload(text)
    section = next(section for section in data["sections"] if section["key"] == "failures")
    (trace,) = section["panels"][0]["data"]
    with open(folder / "summary.csv", newline="") as file:
        rows = {row["model.hidden_width"]: row for row in csv.DictReader(file)}
    for x, y, above, below in zip(
        trace["x"], trace["y"], trace["error_y"]["array"], trace["error_y"]["arrayminus"], strict=True
    ):
        assert y == pytest.approx(100 * float(rows[x]["failure_rate"]))
        assert y + above == pytest.approx(100 * float(rows[x]["failure_rate high"]))
        assert y - below == pytest.approx(100 * float(rows[x]["failure_rate low"]))


def test_a_fit_is_the_prediction_of_its_job(kink):
    folder, text = kink
    data = payload(text)
    section = next(section for section in data["sections"] if section["key"] == "fits")
    label = re.search(r"<figcaption>best · job (\d+)", text)[1]
    fit = next(trace for trace in section["panels"][0]["data"] if trace["name"] == "fit")
    expected = predict(folder / label, torch.tensor(fit["x"])[:, None])
    assert fit["y"] == pytest.approx(expected, rel=1e-3, abs=1e-4)  # the page holds five digits


def test_over_several_features_predictions_stand_beside_their_targets(swept, tmp_path):
    folder = swept("experiment=two_features", "optimizer=sgd,adam", "trainer.max_steps=20", "seed=1,2")
    data = payload(report(tmp_path, sweeps=[folder]))
    section = next(section for section in data["sections"] if section["key"] == "fits")
    diagonal, points = section["panels"][0]["data"]
    assert diagonal["x"] == diagonal["y"] == [min(points["x"]), max(points["x"])]
    (first, *_) = (load_data(folder / "0").stages()["train"],)
    assert points["x"] == pytest.approx(first.y[:, 0].tolist(), rel=1e-4)
    assert points["y"] == pytest.approx(predict(folder / "0", first.x), rel=1e-4)


def test_a_standardised_table_is_shown_in_the_users_units(swept, tmp_path):
    table = ("model=linear", "data=table", "data.x=[1,2,4,5]", "data.y=[30,10,20,90]", "data.standardize=true")
    folder = swept(*table, "optimizer.lr=0.1,0.2", "trainer.max_steps=20")
    data = payload(report(tmp_path, sweeps=[folder]))
    section = next(section for section in data["sections"] if section["key"] == "fits")
    points = next(trace for trace in section["panels"][0]["data"] if trace["name"] == "points")
    assert sorted(zip(points["x"], points["y"], strict=True)) == [(1, 30), (2, 10), (4, 20), (5, 90)]


def test_a_hostile_name_or_value_stays_text(kink_sweep):
    ledger = (kink_sweep / "jobs.json").read_text()
    ledger = ledger.replace('"kink_two_relu_starts"', json.dumps(HOSTILE))
    ledger = re.sub(r'"model\.hidden_width=1"', json.dumps(f"model.hidden_width={HOSTILE}"), ledger)
    ledger = re.sub(r'"model\.hidden_width": 1\b', f'"model.hidden_width": {json.dumps(HOSTILE)}', ledger)
    (kink_sweep / "jobs.json").write_text(ledger)
    text = report(kink_sweep, sweeps=[kink_sweep])
    page = Page(text)
    assert HOSTILE not in text
    assert "<img" not in text.replace("<image", "").split('id="data"')[0]
    scripts = [values for tag, values in page.elements if tag == "script"]
    assert len(scripts) == 3
    data = json.dumps(payload(text))
    assert "<img" not in data
    assert "&lt;img" in data


def test_without_its_folders_a_sweep_is_still_reported(kink_sweep):
    for k in range(12):
        shutil.rmtree(kink_sweep / str(k))
    text = report(kink_sweep, sweeps=[kink_sweep])
    assert f"python scripts/extract.py sweep={kink_sweep} " in text
    keys = [section["key"] for section in payload(text)["sections"]]
    assert "failures" in keys
    assert "losses" in keys  # from the records of the stacks
    assert "fits" in keys
    shutil.rmtree(kink_sweep / "stacks")
    data = payload(report(kink_sweep, sweeps=[kink_sweep]))
    assert "losses" not in [section["key"] for section in data["sections"]]


def test_one_run_is_reported_with_its_curve_and_its_fit(kink_sweep):
    data = payload(report(kink_sweep, runs=[kink_sweep / "3"]))
    assert [section["key"] for section in data["sections"]] == ["losses", "fits"]


def test_the_climb_of_a_run_that_diverged_is_on_its_axis(trained, tmp_path):
    run = trained("model=linear", "optimizer.lr=100")
    (losses, *_) = payload(report(tmp_path, runs=[run.folder]))["sections"]
    climb = run.column("train/loss").double()
    _, top = losses["panels"][0]["layout"]["yaxis"]["range"]
    assert 10**top > climb[climb.isfinite()].max() > 1e30


def test_a_sweep_without_a_step_has_no_loss_curves(swept, tmp_path):
    folder = swept("model=linear", "seed=1,2", "trainer.max_steps=0")
    sections = payload(report(tmp_path, sweeps=[folder]))["sections"]
    assert "losses" not in [section["key"] for section in sections]


def test_several_folders_are_compared_in_one_file(kink_sweep, cubic_sweep, tmp_path):
    data = payload(report(tmp_path, sweeps=[kink_sweep, cubic_sweep], runs=[kink_sweep / "0"]))
    assert len(data["jobs"]) == 12 + 24 + 1
    assert "kink/" in data["jobs"][0]["folder"]


def test_of_very_many_jobs_some_of_all_ranks_are_listed(kink_sweep, monkeypatch):
    monkeypatch.setattr(write, "MOST_JOBS", 9)
    study = read_study([kink_sweep], [])
    shown = shown_jobs(study)
    assert len(shown) <= 9
    losses = [study.jobs[k].loss for k in shown]
    assert min(losses) == min(job.loss for job in study.jobs)
