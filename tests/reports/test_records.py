"""Histories of sweeps that leave no folders: those of the same sweep with folders."""

import numpy as np

from descentlab.reports.histories import read_histories
from descentlab.reports.html.write import write_report
from descentlab.reports.study import read_study

SWEEP = ["experiment=cubic_stability", "optimizer.lr=0.02,0.1,0.3", "seed=range(0,8)"]


def test_the_losses_from_records_are_those_of_the_folders(swept):
    read = []
    for folder in (swept(*SWEEP), swept(*SWEEP, "sweep.folders=0")):
        study = read_study([folder], [])
        read.append(read_histories([job.folder for job in study.jobs], [job.status for job in study.jobs], 10_000))
    with_folders, without = read
    assert without.steps.tolist() == with_folders.steps.tolist()
    assert np.array_equal(np.isfinite(without.losses), np.isfinite(with_folders.losses))
    finite = np.isfinite(without.losses)
    assert np.allclose(without.losses[finite], with_folders.losses[finite], rtol=1e-5, atol=0)


def test_a_sweep_without_folders_is_reported(swept, tmp_path):
    folder = swept(*SWEEP, "sweep.folders=0")
    write_report(read_study([folder], []), tmp_path / "report.html")
    assert '<section id="losses">' in (tmp_path / "report.html").read_text()
