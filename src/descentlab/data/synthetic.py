"""Points drawn from a known law: any generator becomes a data module here."""

from typing import Any

import numpy as np
import torch

from descentlab.data.points import Points, PointsDataModule, Truth
from descentlab.errors import InputError
from descentlab.generators.draw import Draw
from descentlab.targets import build

_STREAMS = {"val": 1, "test": 2}


class SyntheticDataModule(PointsDataModule):
    """Training, validation and test draws of one generator.

    The training points are the draw of `seed` itself, as the lessons print it; the validation and
    test points are fresh draws of the same law, from seeds derived of it.

    Args:
        generator: plain settings of the generator: its `_target_` and the keywords it takes.
        seed: of the training draw, 0 to 2^63 - 1.
        batch_size: points a gradient step sees; None is all of them.
    """

    def __init__(self, generator: dict[str, Any], seed: int, batch_size: int | None = None) -> None:
        super().__init__(seed, batch_size)
        self.save_hyperparameters(logger=False)
        self.generator = generator

    def read_points(self) -> None:
        draw = self.draw(self.seed)
        self.train = Points(draw.x, draw.y)
        self.val, self.test = (
            Points(fresh.x, fresh.y)
            for fresh in (self.draw(derived_seed(self.seed, stream)) for stream in _STREAMS.values())
        )
        self.truth = Truth(draw.law, draw.coefficients, draw.noise_std)

    @property
    def _origin(self) -> str:
        return str(self.generator["_target_"])

    def draw(self, seed: int) -> Draw:
        """The generator's draw from a stream that begins at `seed`."""
        draw = build(self.generator, torch.Generator().manual_seed(seed))
        if not isinstance(draw, Draw):
            raise InputError(
                f"data._target_: expected a generator, which gives a Draw, got {self.generator['_target_']}."
            )
        return draw


def derived_seed(seed: int, stream: int) -> int:
    """A seed for another stream, far from every seed a user would type (NumPy's SeedSequence)."""
    return int(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0] >> 1)
