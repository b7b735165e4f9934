"""Jobs that were never trained, for what is said and drawn of them."""

from pathlib import Path

from descentlab.reports.study import Job, Study


def job(label: str, loss: float, status: str = "completed", **values: object) -> Job:
    """A job whose losses all ended at the same value."""
    metrics = {"train/loss": loss, "train/mse": loss, "val/loss": loss}
    settings = {"optimizer": {"lr": values.get("optimizer.lr", 0.1)}, "sweep": {"fails_above": None}}
    return Job(label, values, settings, status, 10, metrics, {}, Path(label))


def study(jobs: list[Job], fails_above: float | None = None) -> Study:
    """Of these jobs."""
    if fails_above is not None:
        for each in jobs:
            each.settings["sweep"]["fails_above"] = fails_above
    return Study("study", [Path()], [], jobs, {})
