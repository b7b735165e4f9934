"""What the processes that train together work out together: predictions, each for its share, and agreement.

Every process holds the whole batch, and afterwards all predictions, so the loss is the whole batch's,
whatever its form. Only the predictions of its own share lead back into a process's parameters.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributed import ReduceOp, all_gather, all_reduce, get_rank, get_world_size, is_available, is_initialized


def predict_in_shares(
    net: Callable[[Tensor], Tensor], x: Float[Tensor, "sample feature"]
) -> Float[Tensor, "sample target"]:
    """`net(x)`, divided among the processes; for one process it is just that.

    With W processes and n samples, process r predicts the samples from r k to (r + 1) k, k = ceil(n / W): each
    sample once, and none for the last processes where the samples do not reach. The gradient of a scalar of the
    predictions is that of its own samples times W, so that the average over the processes, which
    DistributedDataParallel takes, is the gradient on the whole batch.

    Args:
        net: predicts each sample for itself.
        x: the whole batch, the same in every process.
    """
    num_processes = _num_processes()
    if num_processes == 1:
        return net(x)
    own = share_of(len(x), get_rank(), num_processes)
    whole: Tensor = _Gathered.apply(net(x[own.start : own.stop]), own, len(x), num_processes)
    return whole


def share_of(num_samples: int, rank: int, num_processes: int) -> range:
    """The samples of one process: ceil(num_samples / num_processes) of them, fewer where they end.

    Args:
        num_samples: of the whole batch.
        rank: of the process, from 0.
        num_processes: among which the samples are divided.
    """
    size = -(-num_samples // num_processes)
    return range(min(rank * size, num_samples), min((rank + 1) * size, num_samples))


def highest(value: int, device: torch.device) -> int:
    """The highest of the values that the processes give; one process gets its own back.

    Args:
        value: of this process.
        device: on which it trains.
    """
    if _num_processes() == 1:
        return value
    values = torch.tensor(value, device=device)
    all_reduce(values, ReduceOp.MAX)
    return int(values)


def of_all_processes(values: Tensor, device: torch.device) -> Tensor:
    """The tensors that the processes give, of one shape, on the CPU, (process, *shape).

    Args:
        values: of this process, on the CPU.
        device: on which it trains.
    """
    if _num_processes() == 1:
        return values[None]
    own = values.to(device)
    gathered = [torch.empty_like(own) for _ in range(_num_processes())]
    all_gather(gathered, own)
    return torch.stack(gathered).cpu()


def _num_processes() -> int:
    return get_world_size() if is_available() and is_initialized() else 1


class _Gathered(torch.autograd.Function):
    """The predictions of all processes, in the order of the samples."""

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, own: range, num_samples: int, num_processes: int) -> Tensor:
        ctx.own, ctx.num_processes = own, num_processes
        size = -(-num_samples // num_processes)
        block = prediction.new_zeros(size, *prediction.shape[1:])  # as long as the longest
        block[: len(own)] = prediction
        blocks = [torch.empty_like(block) for _ in range(num_processes)]
        all_gather(blocks, block)
        return torch.cat(blocks)[:num_samples]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (whole,) = gradients
        return whole[ctx.own.start : ctx.own.stop] * ctx.num_processes, None, None, None
