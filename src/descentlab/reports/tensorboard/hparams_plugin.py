"""What TensorBoard loads of this package when it starts: the jobs of sweeps, handed to its HParams tab.

TensorBoard asks its data provider for everything it shows, and its HParams tab asks anew each time. The tab is
given a provider that knows the jobs packed into a sweep's `summary` run (`sessions.py`) as if each were a run.
"""

import os.path
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tensorboard.data.provider import ScalarDatum, ScalarTimeSeries, TensorTimeSeries
from tensorboard.plugins.base_plugin import TBContext, TBLoader
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.plugins.scalar import metadata as scalars

from descentlab.reports.tensorboard.sessions import FINAL, TAG, Session, unpack

ByRun = Mapping[str, Mapping[str, Any]]
"""By run and tag."""


class HParamsOfSweeps(TBLoader):
    """Loads no plugin of its own: those that TensorBoard brings are there already, and have kept the provider
    that they asked for, all but HParams."""

    def load(self, context: TBContext) -> None:
        context.data_provider = WithJobs(context.data_provider)


class WithJobs:
    """A data provider that knows the jobs of sweeps as runs with settings and final metrics.

    Args:
        provider: TensorBoard's own, which is asked for all else.
    """

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def list_tensors(self, ctx: Any = None, *, plugin_name: str, **given: Any) -> ByRun:
        """Also each job's settings, for HParams; and the columns that single runs ask for are left out, since
        HParams would show the columns of the first run it finds for all."""
        known: ByRun = self._provider.list_tensors(ctx, plugin_name=plugin_name, **given)
        if plugin_name != hparams.PLUGIN_NAME:
            return known
        own = {
            run: {tag: known[run][tag] for tag in tags if tag != hparams.EXPERIMENT_TAG} for run, tags in known.items()
        }
        jobs = {
            run: {
                tag: TensorTimeSeries(
                    max_step=session.num_steps,
                    max_wall_time=0.0,
                    plugin_content=content,
                    description="",
                    display_name="",
                )
                for tag, content in session.tags.items()
            }
            for run, session in _jobs(known).items()
        }
        return {**jobs, **own}

    def list_scalars(self, ctx: Any = None, *, plugin_name: str, **given: Any) -> ByRun:
        """Also each job's final metrics; of a run that has final metrics only these."""
        known: ByRun = self._provider.list_scalars(ctx, plugin_name=plugin_name, **given)
        if plugin_name != scalars.PLUGIN_NAME:
            return known
        final = {run: {tag: tags[tag] for tag in tags if tag.startswith(FINAL)} or tags for run, tags in known.items()}
        jobs = {
            run: {
                f"{FINAL}{name}": ScalarTimeSeries(
                    max_step=session.num_steps, max_wall_time=0.0, plugin_content=b"", description="", display_name=""
                )
                for name in session.metrics
            }
            for run, session in self._sessions(ctx, given["experiment_id"]).items()
        }
        return {**jobs, **final}

    def read_last_scalars(self, ctx: Any = None, *, experiment_id: str, plugin_name: str, **given: Any) -> ByRun:
        """Also each job's final metrics."""
        known: ByRun = self._provider.read_last_scalars(
            ctx, experiment_id=experiment_id, plugin_name=plugin_name, **given
        )
        if plugin_name != scalars.PLUGIN_NAME:
            return known
        jobs = {
            run: {
                f"{FINAL}{name}": ScalarDatum(step=session.num_steps, wall_time=0.0, value=value)
                for name, value in session.metrics.items()
            }
            for run, session in self._sessions(ctx, experiment_id).items()
        }
        return {**jobs, **known}

    def _sessions(self, ctx: Any, experiment_id: str) -> dict[str, Session]:
        return _jobs(self._provider.list_tensors(ctx, experiment_id=experiment_id, plugin_name=hparams.PLUGIN_NAME))


def _jobs(known: ByRun) -> dict[str, Session]:
    """The packed jobs by the names of the runs that they would be, but for those that are runs of their own."""
    found = {}
    for run, tags in known.items():
        if TAG not in tags:
            continue
        sweep = os.path.dirname(run)
        for session in _unpacked(tags[TAG].plugin_content):
            name = os.path.join(sweep, str(session.job))
            if not any(hparams.SESSION_START_INFO_TAG in known.get(each, {}) for each in (name, f"{name}/tensorboard")):
                found[name] = session
    return found


@lru_cache(maxsize=64)
def _unpacked(content: bytes) -> list[Session]:
    try:
        return list(unpack(content))
    except (ValueError, KeyError, TypeError):
        return []  # of another version
