"""What a generator returns: the points of one data set, its law and its noise kept apart."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of a synthetic data set, together with the truth that it was made from.

    Attributes:
        x: the inputs, (sample, feature).
        law: the noiseless law, from any (sample, feature) to (sample, 1).
        noise: what was added to the law at x, (sample, 1), in the unit of y.
        coefficients: the law's true coefficients, the intercept first; None for a law that is not linear
            in parameters.
        noise_std: the standard deviation that the noise was drawn with, in the unit of y, >= 0.
    """

    x: Float[Tensor, "sample feature"]
    law: Callable[[Tensor], Tensor]
    noise: Float[Tensor, "sample 1"]
    coefficients: list[float] | None
    noise_std: float

    @property
    def y(self) -> Float[Tensor, "sample 1"]:
        """The targets, law(x) + noise: (sample, 1)."""
        return self.law(self.x) + self.noise
