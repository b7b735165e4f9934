"""What the models share whose prediction is a weighted sum of columns: coefficients and design matrix."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from descentlab.functional.coefficients import coefficient_names, require_coefficients


class LinearInParameters(nn.Module, ABC):
    """A prediction X w of shape (sample, 1): columns made from x, weighed by coefficients.

    A family says in `columns` which columns it makes from x. The intercept w0 is the bias of the linear
    layer, or the weight of a column of ones; both give the same model, gradients and training path.

    Args:
        num_columns: how many columns `columns` returns, >= 1.
        bias: whether there is an intercept.
        intercept_as_column: keep the intercept as the weight of a column of ones rather than as a bias.
        initial_coefficients: the start, the intercept first; None for the random start of `nn.Linear`.

    Raises:
        InputError: `initial_coefficients` are not as many as the coefficients.
    """

    def __init__(
        self,
        num_columns: int,
        bias: bool,
        intercept_as_column: bool,
        initial_coefficients: list[float] | None,
    ) -> None:
        super().__init__()
        self._names = coefficient_names(num_columns, bias)
        self.has_intercept = bias
        self.intercept_as_column = bias and intercept_as_column
        if initial_coefficients is not None:
            require_coefficients("model.initial_coefficients", initial_coefficients, self._names)

        if self.intercept_as_column:
            self.linear = nn.Linear(num_columns + 1, 1, bias=False)
        else:
            self.linear = nn.Linear(num_columns, 1, bias=bias)
        if initial_coefficients is not None:
            self.set_coefficients(initial_coefficients)

    @abstractmethod
    def columns(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample column"]:
        """The columns made from x, without the column of ones: (sample, column)."""

    def forward(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample 1"]:
        columns = self.columns(x)  # (sample, column)
        if self.intercept_as_column:
            columns = _with_ones(columns)  # (sample, 1 + column)
        prediction: Tensor = self.linear(columns)  # (sample, 1)
        return prediction

    def design_matrix(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample coefficient"]:
        """The matrix X with X @ coefficients() = forward(x), whichever way the intercept is kept.

        Args:
            x: (sample, feature).

        Returns:
            (sample, coefficient): a column of ones if there is an intercept, then `columns(x)`.
        """
        columns = self.columns(x)
        return _with_ones(columns) if self.has_intercept else columns

    def coefficients(self) -> Float[Tensor, " coefficient"]:
        """The coefficients, (coefficient,), the intercept first, in the order of `coefficient_names()`."""
        return self.coefficients_of(dict(self.named_parameters()))

    def coefficients_of(self, parameters: Mapping[str, Tensor]) -> Float[Tensor, "*batch coefficient"]:
        """The coefficients that lie in `parameters`, which may carry leading axes (member, step).

        Args:
            parameters: by the names of `named_parameters()`, each (*batch, its own shape).

        Returns:
            (*batch, coefficient), the intercept first.
        """
        weight = parameters["linear.weight"].squeeze(-2)  # (*batch, column)
        if "linear.bias" not in parameters:
            return weight
        return torch.cat([parameters["linear.bias"], weight], dim=-1)

    def coefficient_names(self) -> list[str]:
        """The names of the coefficients: w0 (the intercept, where there is one), w1, w2, ..."""
        return list(self._names)

    @torch.no_grad()
    def set_coefficients(self, coefficients: list[float]) -> None:
        """Set the coefficients, intercept first, in the order of `coefficient_names()`."""
        values = torch.tensor(coefficients, dtype=self.linear.weight.dtype)
        num_weights = self.linear.in_features
        self.linear.weight.copy_(values[-num_weights:])
        if self.linear.bias is not None:
            self.linear.bias.copy_(values[:-num_weights])


def _with_ones(columns: Float[Tensor, "sample column"]) -> Float[Tensor, "sample coefficient"]:
    return torch.cat([torch.ones_like(columns[:, :1]), columns], dim=1)
