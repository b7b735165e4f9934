"""The module that holds a stack: Lightning drives many members as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from lightning.pytorch import LightningModule
from torch import Tensor

from descentlab.data.points import PointsDataModule
from descentlab.engines.drawing import CPU
from descentlab.engines.record import CannotRecord
from descentlab.engines.stack_trace import StackTrace
from descentlab.modules.coefficients import MOST_COLUMNS, num_parameters
from descentlab.modules.regression import Chunk, RegressionModule
from descentlab.runs.chunks import own_training
from descentlab.sweeps.alike import are_alike, different_attribute
from descentlab.sweeps.stack_kinds import kind_of_stack
from descentlab.targets import locate


@dataclass(frozen=True)
class Member:
    """One member of a stack, built as a lone run builds it.

    Attributes:
        module: with its own start and settings.
        data: with its own points.
        num_steps: gradient updates to be made.
    """

    module: RegressionModule
    data: PointsDataModule
    num_steps: int


def _parameters_of(module: RegressionModule) -> tuple[tuple[str, torch.Size], ...]:
    return tuple((name, parameter.shape) for name, parameter in module.net.named_parameters())


class StackedRegression(LightningModule):
    """Members of one architecture, advanced together by one engine.

    After the training each member's module holds its own parameters.

    Args:
        members: of one net, loss and optimiser, of one number of samples and one batch size.
        rates: learning rates, (step, member), where there is a schedule.
        engine: as for a lone run; `eager` and `lightning` steps are recorded here.
        device: where the steps are performed; on another than the CPU they are replayed from a captured graph.

    Raises:
        CannotRecord: the members cannot be stacked, with the reason.
    """

    def __init__(
        self,
        members: Sequence[Member],
        rates: Float[Tensor, "step member"] | None = None,
        engine: str = "auto",
        device: torch.device = CPU,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.members = tuple(members)
        if len({_parameters_of(member.module) for member in members}) > 1:
            raise CannotRecord("their nets differ")
        if len({shapes_of(member.data) for member in members}) > 1:
            raise CannotRecord("their points differ in number")
        first = members[0].module
        if (own := own_training(first) or _own_judging(first)) is not None:
            raise CannotRecord(own)
        for member in members[1:]:
            _refuse_unlike(first, member.module)
        settings = {key: value for key, value in first.optimizer_settings.items() if key != "_target_"}
        nets = [member.module.net for member in members]
        trained = [name for name, parameter in first.net.named_parameters() if parameter.requires_grad]
        tensors = _by_name([dict(net.named_parameters()) | dict(net.named_buffers()) for net in nets])
        self.untrained = {name: value for name, value in tensors.items() if name not in trained}
        self.x = shared_or_stacked([member.data.stages()["train"].x for member in members])
        self.y = shared_or_stacked([member.data.stages()["train"].y for member in members])
        batches = [member.data.batches for member in members]
        self.stack = kind_of_stack(engine, device, batches, self.x, self.y)(
            net=first.net,
            parameters={name: tensors[name] for name in trained},
            loss=first.loss,
            optimizer=locate(first.optimizer_settings["_target_"]),
            hyperparameters={key: self._numbers(key) for key in settings},
            num_steps=torch.tensor([member.num_steps for member in members]),
            schedule=rates,
            buffers=self.untrained,
        )
        self.keeps_parameters = num_parameters(first.net) <= MOST_COLUMNS

    def _numbers(self, key: str) -> Any:
        """One setting of the optimiser: a value that all members share, or a tensor with one a member."""
        values = [member.module.optimizer_settings[key] for member in self.members]
        if isinstance(values[0], list):
            return tuple(torch.tensor(column, dtype=torch.float64) for column in zip(*values, strict=True))
        if isinstance(values[0], float):
            return torch.tensor(values, dtype=torch.float64)
        return values[0]

    @property
    def loss_scale(self) -> Float[Tensor, " member"]:
        """What each member's loss in the units of its training is multiplied by to be in the user's."""
        return torch.tensor([member.module.loss_scale for member in self.members])

    def configure_optimizers(self) -> None:
        """The engine holds the state of the optimiser."""

    def training_step(self, batch: Chunk, batch_idx: int) -> dict[str, StackTrace]:
        """The trace of a whole chunk of gradient steps of all members."""
        reads_parameters = self.keeps_parameters or self.members[0].module.wants_mse
        trace = self.stack.advance(batch.num_steps, batch.rows if reads_parameters else range(0))
        self._count_steps(batch.num_steps)
        self._stop_after_the_last()
        return {"trace": trace}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["stack"] = self.stack.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.stack.load_state_dict(checkpoint["stack"])
        self._count_steps(self.stack.step)

    def _count_steps(self, num_steps: int) -> None:
        """Count gradient steps as Lightning's own."""
        self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress.total.completed += num_steps

    def unstack(self) -> None:
        """Give every member's module its own parameters, and leave its batches where they stand at its end."""
        self.stack.batches.place(self.stack.steps)
        values = {name: value.cpu() for name, value in self.stack.parameters.items()}
        for k in range(len(self.members)):
            self._give(k, values)

    def end(self, members: Bool[Tensor, " member"]) -> None:
        """End members where they are; the training ends with the last of them."""
        self.stack.stop(members)
        self._stop_after_the_last()

    def _stop_after_the_last(self) -> None:
        if not bool(self.stack.running().any()):
            self.trainer.should_stop = True

    def unstack_parameters(self, k: int) -> None:
        """Give the module of member k its own parameters."""
        self._give(k, self.stack.parameters)

    def _give(self, k: int, values: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, value in values.items():
                self.members[k].module.net.get_parameter(name).copy_(value[k])


def _own_judging(module: RegressionModule) -> str | None:
    """That a subclass is judged in a way of its own, in one line; None where it is judged as all are."""
    for name in ("metrics", "columns"):
        if getattr(type(module), name) is not getattr(RegressionModule, name):
            return f"{type(module).__name__} has {name} of its own"
    return None


def _refuse_unlike(first: RegressionModule, other: RegressionModule) -> None:
    if (name := different_attribute(first.net, other.net)) is not None:
        raise CannotRecord(f"their nets differ in {name}")
    if not are_alike(first.loss, other.loss):
        raise CannotRecord("their losses differ")
    mine, theirs = first.optimizer_settings, other.optimizer_settings
    for key in mine.keys() | theirs.keys():
        if key not in mine or key not in theirs or not _is_number_or_same(mine[key], theirs[key]):
            raise CannotRecord(f"their optimisers differ in {key}")


def _is_number_or_same(first: Any, other: Any) -> bool:
    return first == other or (type(first) is type(other) and isinstance(first, float | list))


def shapes_of(data: PointsDataModule) -> tuple[tuple[str, torch.Size, torch.Size], ...]:
    """Of which sets there are how many points; they must agree within a stack."""
    return tuple((stage, points.x.shape, points.y.shape) for stage, points in data.stages().items())


def _by_name(tensors: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The members' tensors of each name on a leading member axis."""
    return {name: torch.stack([own[name].detach() for own in tensors]) for name in tensors[0]}


def shared_or_stacked(tensors: Sequence[Tensor]) -> Tensor:
    """One tensor that all share, or theirs on a leading member axis."""
    first = tensors[0]
    if all(tensor is first for tensor in tensors):
        return first
    return torch.stack(list(tensors))
