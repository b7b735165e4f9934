"""The histories of jobs that were trained in stacks, from the records of these: in the user's units, all members
at once."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int64
from numpy import ndarray

from descentlab.errors import InputError
from descentlab.modules.coefficients import column_names
from descentlab.modules.regression import RegressionModule
from descentlab.runs.assemble import assemble
from descentlab.settings.check import check
from descentlab.sweeps.compose import Job
from descentlab.sweeps.ledger import ledger_of
from descentlab.sweeps.record import StackRecord, load_numbers, load_record, records_in


@dataclass(frozen=True)
class RecordedStack:
    """A stack of which some jobs are looked at.

    Attributes:
        members: its jobs that are looked at: the place in the record of each, and what the caller counts it as.
        record: of the stack.
        modules: of these members, whose units the numbers are given in; one and the same for those that share them.
    """

    members: Mapping[int, int]
    record: StackRecord
    modules: Sequence[RegressionModule]

    def steps(self) -> list[int]:
        """The recorded steps of the member that went farthest."""
        end = max(self.record.results[k].num_steps for k in self.members)
        return [*(step for step in self.record.steps if step < end), end]

    def names(self) -> list[str]:
        """Of the parameters; empty for a net with many."""
        return [] if self.record.parameters is None else column_names(self.modules[0].net)

    def at(self, steps: Int64[ndarray, " row"]) -> Float32[ndarray, "member row column"]:
        """The loss and the parameters at these steps, each as it was recorded last by then, up to the first that
        is not before the member's end, which has the end itself; nan behind that."""
        record, places = self.record, torch.tensor(list(self.members))
        ends = np.array([record.results[k].num_steps for k in self.members])
        last_row = np.searchsorted(steps, ends)
        recorded, lasts = [record.losses[..., None]], [record.last_losses[:, None]]
        if record.parameters is not None:
            recorded, lasts = [*recorded, record.parameters], [*lasts, record.last_parameters]
        ending = torch.cat(lasts, dim=1)[places]
        values = torch.full((len(places), len(steps), ending.shape[1]), torch.nan)
        if record.steps:
            rows = torch.from_numpy(np.searchsorted(record.steps, steps, side="right") - 1)
            values[:] = torch.cat([part[places[:, None], rows] for part in recorded], dim=2)
        row, end = torch.arange(len(steps))[:, None], torch.from_numpy(last_row)[:, None, None]
        values = values.where(row < end, ending[:, None]).masked_fill(row > end, torch.nan)
        found: Float32[ndarray, "member row column"] = self._in_user_units(values).float().numpy()
        return found

    def _in_user_units(self, values: torch.Tensor) -> torch.Tensor:
        if all(module is self.modules[0] for module in self.modules):
            return _converted(self.modules[0], values)
        return torch.stack([_converted(module, own) for module, own in zip(self.modules, values, strict=True)])


def _converted(module: RegressionModule, values: torch.Tensor) -> torch.Tensor:
    """A loss and flattened parameters as the module gives them back."""
    loss, flat = values[..., :1] * module.loss_scale, values[..., 1:]
    if not flat.shape[-1]:
        return loss
    columns = module.columns(flat.reshape(-1, flat.shape[-1]))
    return torch.cat([loss, columns.reshape(*flat.shape[:-1], -1)], dim=-1)


def _modules(jobs: Sequence[Job]) -> list[RegressionModule]:
    """A module a job of one stack: those of all have the same form, and the units follow from the points.

    Raises:
        InputError: the settings cannot be run, or the points not be read any more.
    """
    first = _module_of(jobs[0])
    if first.standardization is None:
        return [first] * len(jobs)
    keys = [json.dumps(job.settings["data"], default=str) for job in jobs]
    known = {key: _module_of(job) for key, job in dict(zip(keys, jobs, strict=True)).items()}
    return [known[key] for key in keys]


def _module_of(job: Job) -> RegressionModule:
    return assemble(check(job.settings))[1]


def recorded_stacks(folders: Sequence[Path]) -> Iterator[RecordedStack]:
    """The stacks that recorded some of these jobs, but for those whose points cannot be read any more.

    Args:
        folders: of the jobs, named by their numbers in their sweep; they need not be there.

    Raises:
        InputError: a record or the sweep's list of jobs cannot be read.
    """
    wanted: dict[Path, dict[int, int]] = {}
    for place, folder in enumerate(folders):
        if folder.name.isdecimal():
            wanted.setdefault(folder.parent, {})[int(folder.name)] = place
    for sweep, numbers in wanted.items():
        paths = records_in(sweep)
        jobs = ledger_of(sweep.resolve()).jobs if paths else []
        for path in paths if jobs else []:
            if not numbers.keys().isdisjoint(load_numbers(path)):
                record = load_record(path)
                members = {k: numbers[number] for k, number in enumerate(record.jobs) if number in numbers}
                with suppress(InputError):
                    yield RecordedStack(members, record, _modules([jobs[record.jobs[k]] for k in members]))
