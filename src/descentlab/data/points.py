"""What all data modules share: three sets of points held as tensors, and batches of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from lightning.pytorch import LightningDataModule
from torch import Tensor

from descentlab.engines.batches import FullBatch, ShuffledBatches
from descentlab.engines.problem import Batches
from descentlab.errors import InputError
from descentlab.functional.standardization import Standardization


class Points(NamedTuple):
    """Inputs and targets: `x` of shape (sample, feature), `y` of shape (sample, target)."""

    x: Float[Tensor, "sample feature"]
    y: Float[Tensor, "sample target"]


@dataclass(frozen=True)
class Truth:
    """What is known of the law behind the points.

    Attributes:
        law: the noiseless law, x of shape (sample, feature) to (sample, target).
        coefficients: the true ones, intercept first; None where the law is not linear in any.
        noise_std: standard deviation of the noise, in the target's unit.
    """

    law: Callable[[Tensor], Tensor]
    coefficients: list[float] | None
    noise_std: float

    @property
    def lowest_mse(self) -> float:
        """The expected mean squared error of the law itself on a fresh draw, which no model beats: noise_std^2."""
        return self.noise_std**2


def _checked(points: Any, name: str) -> Points:
    """Points in torch's default precision, if they can be trained on; `name` is for the message."""
    if not isinstance(points, Points):
        raise InputError(f"data: expected {name} to be Points(x, y), got {type(points).__name__}.")
    x, y = (torch.as_tensor(each, dtype=torch.get_default_dtype()) for each in points)
    if x.ndim < 2 or y.ndim < 2 or len(x) != len(y):
        raise InputError(
            f"data: expected {name} to have x of shape (sample, feature) and y of shape (sample, target), got "
            f"{tuple(x.shape)} and {tuple(y.shape)}; a column of samples is made by [:, None]."
        )
    for letter, values in (("x", x), ("y", y)):
        if not (values.sum().isfinite() or values.isfinite().all()):  # the sum is fast, but may overflow
            row = int((~values.isfinite()).flatten(1).any(dim=1).nonzero()[0])
            raise InputError(
                f"data: expected finite numbers, got {values[row].tolist()} in row {row} of {letter} in {name}."
            )
    return Points(x, y)


class BatchLoader:
    """One epoch of batches: what Lightning iterates over when it steps batch by batch."""

    def __init__(self, batches: Batches, num_batches: int) -> None:
        self._batches = batches
        self._num_batches = num_batches

    def __len__(self) -> int:
        return self._num_batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(self._num_batches):
            yield self._batches.next()


class PointsDataModule(LightningDataModule):
    """Training, validation and test points, held whole in memory.

    A subclass gives `read_points`. With `standardization`, the points are in standard units.

    Args:
        seed: of the shuffling of batches, and of whatever the subclass draws.
        batch_size: points a gradient step sees; None is all of them.
    """

    def __init__(self, seed: int, batch_size: int | None) -> None:
        super().__init__()
        self.seed = seed
        self.batch_size = batch_size
        self.train: Points | None = None
        self.val: Points | None = None
        self.test: Points | None = None
        self.truth: Truth | None = None
        self.standardization: Standardization | None = None
        self.source: Path | None = None  # a file that the points come from, of which a run keeps a copy
        self.chunks: Iterable[Any] | None = None
        self._batches: Batches | None = None
        self._moved: Any = None

    def read_points(self) -> None:
        """Set `train`, and `val`, `test`, `truth` and `standardization` where there are any."""
        raise NotImplementedError("a data module says where its points come from")

    def setup(self, stage: str | None = None) -> None:
        """Draw or read the points, once.

        Raises:
            InputError: they are no points, or cannot be trained on.
        """
        if self.train is not None:
            return
        self.read_points()
        if self.train is None:
            raise InputError(f"data: expected self.train to be set by read_points of {self._origin}, got None.")
        for name in ("train", "val", "test"):
            if (points := getattr(self, name)) is not None:
                setattr(self, name, _checked(points, f"self.{name} of {self._origin}"))

    @property
    def _origin(self) -> str:
        """What the points come from, for messages."""
        return type(self).__name__

    @property
    def num_samples(self) -> int:
        """Training points."""
        return len(self._points("train").x)

    @property
    def batches(self) -> Batches:
        """The training batches, one stream over all epochs: whoever draws from it advances it."""
        if self._batches is None:
            points = self._points("train")
            self._batches = (
                FullBatch(*points)
                if self.batch_size is None or self.batch_size >= len(points.x)
                else ShuffledBatches(*points, batch_size=self.batch_size, seed=self.seed)
            )
        return self._batches

    def train_dataloader(self) -> Iterable[Any]:
        """Batches (x, y), an epoch at a time; or `chunks`, where a run has set them."""
        if self.chunks is not None:
            return self.chunks
        size = self.batch_size or self.num_samples
        return BatchLoader(self.batches, num_batches=-(-self.num_samples // size))

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """A batch on its device. The full batch, which is the same at every step, moves there once."""
        is_full = isinstance(batch, tuple) and self.batches.is_full and batch[0] is self.batches.peek()[0]
        if not is_full:
            return super().transfer_batch_to_device(batch, device, dataloader_idx)
        if self._moved is None or self._moved[0].device != device:
            self._moved = super().transfer_batch_to_device(batch, device, dataloader_idx)
        return self._moved

    def val_dataloader(self) -> Iterable[Any]:
        return _all_at_once(self.stages().get("val"))

    def test_dataloader(self) -> Iterable[Any]:
        return _all_at_once(self.stages().get("test"))

    def stages(self) -> dict[str, Points]:
        """The sets that exist, by the name of their stage: train, val, test."""
        self.setup()
        every = {"train": self.train, "val": self.val, "test": self.test}
        return {stage: points for stage, points in every.items() if points is not None}

    def _points(self, stage: str) -> Points:
        return self.stages()[stage]

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.batches.load_state_dict(state_dict["batches"])


def _all_at_once(points: Points | None) -> Iterable[Any]:
    """A loader of one batch; Lightning takes an empty list as no loader, and a filled one as several."""
    return [] if points is None else BatchLoader(FullBatch(*points), num_batches=1)
