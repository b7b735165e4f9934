"""The jobs of a sweep that TensorBoard shows as runs of their own."""

from collections.abc import Sequence
from pathlib import Path

from descentlab.sweeps.events import write_events
from descentlab.sweeps.fit import schedule
from descentlab.sweeps.job_folder import member_of, write_job
from descentlab.sweeps.record import load_numbers, load_record, records_in
from descentlab.sweeps.table import Outcome, final_loss


def write_shown(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write the events of the jobs that are shown; those of a job that ran alone are there already.

    Args:
        outcomes: of all jobs of the sweep.
        folder: of the sweep.
    """
    jobs = {outcome.job.number: outcome.job for outcome in shown(outcomes)}
    jobs = {number: job for number, job in jobs.items() if not (folder / str(number) / "tensorboard").is_dir()}
    for path in records_in(folder):
        if jobs.keys().isdisjoint(load_numbers(path)):
            continue
        record = load_record(path)
        for k, number in enumerate(record.jobs):
            if (job := jobs.get(number)) is None:
                continue
            module, data = member_of(record, k, job)
            result = record.results[k]
            if not result.folder.is_dir():
                write_job(record, k, job, module, data, result.folder)
            rates = schedule(job.settings, result.num_steps + 1)
            write_events(job.settings, result, module, data, record.rows(k), record.validation(k), rates)


def shown(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """All of up to `sweep.events` jobs; of more the best, the median, the worst and the first three that
    failed, since TensorBoard stalls at some hundred runs."""
    most: int = outcomes[0].job.settings["sweep"]["events"]
    ended = [outcome for outcome in outcomes if outcome.result is not None]
    if len(outcomes) <= most:
        return ended
    ranked = sorted((each for each in ended if each.result and each.result.status == "completed"), key=final_loss)
    failed = [each for each in ended if each.result and each.result.status != "completed"]
    return [*([ranked[0], ranked[len(ranked) // 2], ranked[-1]] if ranked else []), *failed[:3]]
