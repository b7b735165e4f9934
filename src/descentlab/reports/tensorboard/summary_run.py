"""The run that stands for all jobs of a sweep: their losses, their parameters, and their settings for HParams."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tensorboard.compat.proto.summary_pb2 import Summary

from descentlab.reports.histories import read_histories
from descentlab.reports.tensorboard.bands import add_bands
from descentlab.reports.tensorboard.sessions import Session, pack
from descentlab.runs.event_file import BulkSummaryWriter
from descentlab.runs.hyperparameters import hyperparameters
from descentlab.sweeps.table import Outcome, has_failed

NAME = "summary"
"""Of its folder in the sweep's."""

_NUM_ROWS = 40


def write_summary_run(outcomes: Sequence[Outcome], sweep: Path) -> None:
    """Write the run anew, into `summary/` of the sweep's folder.

    Args:
        outcomes: of all jobs.
        sweep: its folder.

    Raises:
        InputError: a record of the sweep cannot be read.
    """
    folder = sweep / NAME
    statuses = [outcome.result.status if outcome.result is not None else "failed" for outcome in outcomes]
    histories = read_histories([sweep / str(outcome.job.number) for outcome in outcomes], statuses, _NUM_ROWS)
    shutil.rmtree(folder, ignore_errors=True)
    board = BulkSummaryWriter(folder)
    board._get_file_writer().add_summary(Summary(value=[pack([_session(outcome) for outcome in outcomes])]), 0)
    add_bands(board, histories, statuses)
    board.close()


def _session(outcome: Outcome) -> Session:
    job, result = outcome.job, outcome.result
    settings = hyperparameters(job.settings)
    if result is None:
        return Session(job.number, settings, {}, 0, failed=True)
    failed = has_failed(result.status, result.metrics, job.settings["sweep"]["fails_above"])
    return Session(job.number, settings, result.metrics, result.num_steps, failed)
