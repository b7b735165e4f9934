"""Histories of sweeps that leave no folders: those of the same sweep with folders."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from descentlab.reports.histories import read_histories
from descentlab.reports.html.fits import fits
from descentlab.reports.study import read_study

RATES = ("experiment=cubic_stability", "optimizer.lr=0.02,0.1,0.3", "seed=range(0,8)")
STANDARDISED = (
    "data=table",
    "data.features=[x]",
    "data.target=y",
    "data.standardize=true",
    "model=linear",
    "seed=range(0,3)",
    "trainer.max_steps=20,7",
)
UNTRAINED = ("model=linear", "data=line", "seed=range(0,3)", "trainer.max_steps=0")


@pytest.fixture
def table(tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "points.csv"
    path.write_text("x,y\n" + "".join(f"{k},{2 * k + 1 + k % 3}\n" for k in range(20)))
    return f"data.path={path}"


def histories(folder):
    study = read_study([folder], [])
    return read_histories([job.folder for job in study.jobs], [job.status for job in study.jobs], 10_000)


@pytest.mark.parametrize("sweep", [RATES, STANDARDISED, UNTRAINED], ids=["rates", "standardised", "untrained"])
def test_records_say_what_the_folders_say(swept, tmp_path, table, sweep):
    folder = swept(*sweep, *([table] if sweep == STANDARDISED else []))
    recorded = histories(folder)
    texts = histories(shutil.copytree(folder, tmp_path / "sweep", ignore=shutil.ignore_patterns("stacks")))
    assert recorded.names == texts.names
    assert recorded.steps.tolist() == texts.steps.tolist()
    np.testing.assert_allclose(recorded.losses, texts.losses, rtol=1e-6)
    np.testing.assert_allclose(recorded.parameters, texts.parameters, rtol=1e-6)
    assert np.isfinite(recorded.parameters[:, 0]).all()


def test_fits_are_drawn_of_jobs_without_folders(swept, tmp_path):
    theirs = fits(read_study([swept(*RATES)], []))
    folder = Path(shutil.copytree(swept(*RATES), tmp_path / "sweep"))
    for job in read_study([folder], []).jobs:
        shutil.rmtree(job.folder)
    ours = fits(read_study([folder], []))
    assert [panel.title for panel in ours.panels] == [panel.title for panel in theirs.panels]
    assert [panel.data for panel in ours.panels] == [panel.data for panel in theirs.panels]
    assert len(ours.panels) >= 4
