"""Columns of mean 0 and standard deviation 1, and the way back to the user's units."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Standardization:
    """z = (x - x_mean) / x_std for each feature, and the same for the target.

    Attributes:
        x_mean, x_std: one number a feature, in the feature's unit; a constant column has x_std 1.
        y_mean, y_std: of the target, in its unit.
    """

    x_mean: tuple[float, ...]
    x_std: tuple[float, ...]
    y_mean: float
    y_std: float

    @classmethod
    def of(cls, x: Float[Tensor, "sample feature"], y: Float[Tensor, "sample 1"]) -> "Standardization":
        """The standardization of these points: their means and population standard deviations."""
        return cls(*_moments(x), *(column[0] for column in _moments(y)))

    def standardize_x(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample feature"]:
        """The features in standard units."""
        return (x - x.new_tensor(self.x_mean)) / x.new_tensor(self.x_std)

    def restore_x(self, z: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample feature"]:
        """Features in standard units, in the user's."""
        return z * z.new_tensor(self.x_std) + z.new_tensor(self.x_mean)

    def standardize_y(self, y: Float[Tensor, "sample 1"]) -> Float[Tensor, "sample 1"]:
        """The target in standard units."""
        return (y - self.y_mean) / self.y_std

    def restore_y(self, z: Float[Tensor, "*sample 1"]) -> Float[Tensor, "*sample 1"]:
        """A prediction in standard units, in the user's."""
        return z * self.y_std + self.y_mean

    def coefficient_map(self, num_coefficients: int) -> tuple[Tensor, Tensor]:
        """The affine map from standardised coefficients w to the user's: w_user = A w + c.

        With several features w are the intercept and one slope a feature; with one feature they are
        the coefficients of 1, z, z^2, …, and ((x - m) / s)^k is expanded by the binomial theorem.

        Args:
            num_coefficients: how many, the intercept among them and first.

        Returns:
            A of shape (coefficient, coefficient) and c of shape (coefficient,), in float64.
        """
        matrix = torch.zeros(num_coefficients, num_coefficients, dtype=torch.float64)
        if len(self.x_mean) > 1:
            matrix[0, 0] = 1.0
            for feature, (mean, std) in enumerate(zip(self.x_mean, self.x_std, strict=True), start=1):
                matrix[0, feature] = -mean / std
                matrix[feature, feature] = 1.0 / std
        else:
            mean, std = self.x_mean[0], self.x_std[0]
            for power in range(num_coefficients):
                for k in range(power + 1):
                    matrix[k, power] = math.comb(power, k) * (-mean) ** (power - k) / std**power
        offset = torch.zeros(num_coefficients, dtype=torch.float64)
        offset[0] = self.y_mean
        return matrix * self.y_std, offset

    def to_plain(self) -> dict[str, Any]:
        """The four moments as lists and numbers."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> "Standardization":
        """The inverse of `to_plain`."""
        return cls(tuple(values["x_mean"]), tuple(values["x_std"]), values["y_mean"], values["y_std"])


def _moments(columns: Float[Tensor, "sample column"]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    exact = columns.double()
    std = exact.std(dim=0, correction=0)
    return tuple(exact.mean(dim=0).tolist()), tuple(torch.where(std > 0, std, 1.0).tolist())
