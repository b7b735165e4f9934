"""The points that data sets are made of: random ones from a given stream, and regular ones.

Each is a column, (sample, 1), of torch's default dtype. Draws are made on the CPU, so that a seed
means the same numbers on every machine.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def standard_normals(generator: torch.Generator, num_samples: int) -> Float[Tensor, "sample 1"]:
    """The next `num_samples` standard normals of the generator's stream, in the order drawn: (sample, 1)."""
    return torch.randn(num_samples, 1, generator=generator)


def sorted_normals(generator: torch.Generator, num_samples: int) -> Float[Tensor, "sample 1"]:
    """The next `num_samples` standard normals of the generator's stream, ascending: (sample, 1)."""
    return standard_normals(generator, num_samples).sort(dim=0).values


def evenly_spaced(low: float, high: float, num_samples: int) -> Float[Tensor, "sample 1"]:
    """`num_samples` points from `low` to `high`, both included, evenly apart: (sample, 1); one is `low`."""
    return torch.linspace(low, high, num_samples).unsqueeze(1)


def counted(num_samples: int) -> Float[Tensor, "sample 1"]:
    """The numbers 1, 2, ..., `num_samples`: (sample, 1)."""
    return torch.arange(1, num_samples + 1, dtype=torch.get_default_dtype()).unsqueeze(1)
