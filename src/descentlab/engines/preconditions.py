"""What a recording takes for granted: what it refuses from the start, and what must not have changed since."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as everywhere

from descentlab.engines.problem import Problem
from descentlab.engines.record import CannotRecord

HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


_PLAIN = (bool, int, float, str, tuple, Tensor)  # a tuple: to ask for a union takes twice as long


def refuse_what_replay_would_skip(problem: Problem) -> None:
    """Refuse whatever acts besides the tensor operations of a step.

    Raises:
        CannotRecord: if the optimiser calls the net itself, hooks listen to the net or to its gradients,
            or autocast is on.
    """
    if _needs_closure(type(problem.optimizer).step):
        raise CannotRecord(f"{type(problem.optimizer).__name__} evaluates the net itself, through a closure")
    for module in _modules(problem):
        if any(getattr(module, name, None) for name in HOOKS):
            raise CannotRecord(f"a hook listens to a {type(module).__name__}")
    if any(getattr(everywhere, f"_global{name}", None) for name in HOOKS):
        raise CannotRecord("a global hook listens to every module")
    for parameter in problem.net.parameters():
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            raise CannotRecord("a hook listens to the gradient of a parameter")
    if torch.is_autocast_enabled(problem.device.type):
        raise CannotRecord("autocast is on")


def fingerprint(problem: Problem) -> tuple[Any, ...]:
    """What a recording has built in; if it differs from the one at the time, record anew.

    In it are the identities of net, loss, optimiser and full-batch tensors, where parameters and buffers
    lie, the values of buffers and frozen parameters by their version counters, train or eval mode, plain
    attributes of the modules (a steepness, a probability), and the optimiser's hyperparameters but for
    the learning rate.
    """
    optimizer = problem.optimizer
    x, y = problem.batches.peek() if problem.batches.is_full else (None, None)
    return (
        id(problem.net),
        id(problem.loss),
        id(optimizer),
        tuple(id(p) for group in optimizer.param_groups for p in group["params"]),
        hyperparameters(problem),
        tuple(_identity(tensor) for tensor in (x, y)),
        tuple((_identity(p, p.requires_grad), p.requires_grad) for p in problem.net.parameters()),
        tuple(_identity(buffer) for buffer in problem.net.buffers()),
        plain_attributes(problem),
        len(optimizer._optimizer_step_pre_hooks) + len(optimizer._optimizer_step_post_hooks),
    )


def hyperparameters(problem: Problem) -> tuple[Any, ...]:
    """The optimiser's hyperparameters without the learning rates, group by group."""
    names = [name for name in problem.optimizer.defaults if name != "lr"]
    return tuple(tuple(group.get(name) for name in names) for group in problem.optimizer.param_groups)


def plain_attributes(problem: Problem) -> tuple[Any, ...]:
    """The numbers, flags, strings and loose tensors that lie in the modules of the net and of the loss."""
    return tuple(
        (id(module), tuple((name, _plain(value)) for name, value in vars(module).items() if _is_plain(value)))
        for module in _modules(problem)
    )


def saved_attributes(problem: Problem) -> list[tuple[nn.Module, dict[str, Any]]]:
    """The plain attributes by module, to be put back by `put_back_attributes`."""
    return [(m, {k: v for k, v in vars(m).items() if _is_plain(v)}) for m in _modules(problem)]


def put_back_attributes(saved: list[tuple[nn.Module, dict[str, Any]]]) -> None:
    for module, attributes in saved:
        vars(module).update(attributes)


@cache
def _needs_closure(step: Callable[..., Any]) -> bool:
    closure = inspect.signature(step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def _modules(problem: Problem) -> Iterator[nn.Module]:
    yield from problem.net.modules()
    if isinstance(problem.loss, nn.Module):
        yield from problem.loss.modules()


def _is_plain(value: Any) -> bool:
    return isinstance(value, _PLAIN)


def _plain(value: Any) -> Any:
    return _identity(value) if isinstance(value, Tensor) else value


def _identity(tensor: Tensor | None, is_updated: bool = False) -> Any:
    if tensor is None:
        return None
    version = None if is_updated else tensor._version
    return id(tensor), tensor.data_ptr(), tensor.shape, tensor.stride(), version
