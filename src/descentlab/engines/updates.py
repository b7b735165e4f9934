"""The optimisers' update rules as lines of Python: one table, for a lone net and for a stack of them.

Each rule repeats the single-tensor implementation of its class in `torch.optim`, operation by operation, so
that the parameters and the optimiser's state get the same bits. A rule says which tensors it keeps for each
parameter, which numbers it needs (fixed ones, and ones that are new at every step), and writes the lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, optim
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from descentlab.engines.lines import Lines, Number

Group = dict[str, Any]
"""An optimiser's hyperparameters, as in `optimizer.param_groups`."""


@dataclass(frozen=True)
class Rule:
    """One optimiser's update.

    Attributes:
        state: the names of the state tensors shaped like the parameter, for a group's hyperparameters.
        counts_steps: True if the state has a `step`.
        numbers: the numbers that are the same at every step, from the hyperparameters.
        rates: the numbers of one step, from the hyperparameters, the learning rate, the number of this
            update (from 1) and a `power(base, exponent)`.
        write: adds the lines for one parameter: `(lines, hyperparameters, parameter, gradient, prefix,
            is_first)`; the state tensors are called prefix + name; `is_first` is True at an update that
            finds no `momentum_buffer` yet.
        unsupported: names of hyperparameters which must be off.
    """

    state: Callable[[Group], tuple[str, ...]]
    counts_steps: bool
    numbers: Callable[[Group], dict[str, Number]]
    rates: Callable[[Group, Number, float, Callable[[Number, float], Number]], dict[str, Number]]
    write: Callable[[Lines, Group, str, str, str, bool], None]
    unsupported: tuple[str, ...] = ("foreach", "fused", "differentiable", "capturable", "amsgrad")


def is_on(number: Number) -> bool:
    """True if a hyperparameter is not zero; in a stack the members agree on that."""
    return bool((number != 0).all()) if isinstance(number, Tensor) else number != 0


def _write_gradient(lines: Lines, group: Group, parameter: str, gradient: str, new: str) -> str:
    """The gradient with its sign and weight decay; returns its name, `new` if it is another tensor."""
    if group["maximize"]:
        lines.negate(new, gradient)
        gradient = new
    if is_on(group["weight_decay"]):
        lines.sum_scaled(new, gradient, parameter, "weight_decay")
        gradient = new
    return gradient


def _write_sgd(lines: Lines, group: Group, parameter: str, gradient: str, prefix: str, first: bool) -> None:
    gradient = _write_gradient(lines, group, parameter, gradient, f"{prefix}gradient")
    if is_on(group["momentum"]):
        buffer = f"{prefix}momentum_buffer"
        if first:
            lines.copy(buffer, gradient)
        else:
            lines.scale(buffer, "momentum")
            lines.add_scaled(buffer, gradient, "undamped")
        if group["nesterov"]:
            lines.sum_scaled(f"{prefix}ahead", gradient, buffer, "momentum")
            gradient = f"{prefix}ahead"
        else:
            gradient = buffer
    lines.add_scaled(parameter, gradient, "minus_lr")


def _sgd_numbers(group: Group) -> dict[str, Number]:
    return {
        "weight_decay": group["weight_decay"],
        "momentum": group["momentum"],
        "undamped": 1 - group["dampening"],
    }


def _write_adam(lines: Lines, group: Group, parameter: str, gradient: str, prefix: str, first: bool) -> None:
    if group["decoupled_weight_decay"]:
        if is_on(group["weight_decay"]):
            lines.scale(parameter, "shrink")
        group = {**group, "weight_decay": 0}
    gradient = _write_gradient(lines, group, parameter, gradient, f"{prefix}gradient")
    average, square, below = f"{prefix}exp_avg", f"{prefix}exp_avg_sq", f"{prefix}below"
    lines.move_towards(average, gradient, "one_minus_beta1")
    lines.scale(square, "beta2")
    lines.add_square(square, gradient, "one_minus_beta2")
    lines.root(below, square)
    lines.divide(below, "bias2_sqrt")
    lines.shift(below, "eps")
    lines.add_quotient(parameter, average, below, "minus_step_size")


def _adam_numbers(group: Group) -> dict[str, Number]:
    beta1, beta2 = group["betas"]
    return {
        "weight_decay": group["weight_decay"],
        "one_minus_beta1": 1 - beta1,
        "beta2": beta2,
        "one_minus_beta2": 1 - beta2,
        "eps": group["eps"],
    }


def _adam_rates(group: Group, lr: Number, step: float, power: Callable[[Number, float], Number]) -> dict[str, Number]:
    beta1, beta2 = group["betas"]
    rates = {
        "minus_step_size": -(lr / (1 - power(beta1, step))),
        "bias2_sqrt": power(1 - power(beta2, step), 0.5),
    }
    if group["decoupled_weight_decay"] and is_on(group["weight_decay"]):
        rates["shrink"] = 1 - lr * group["weight_decay"]
    return rates


def _write_rmsprop(lines: Lines, group: Group, parameter: str, gradient: str, prefix: str, first: bool) -> None:
    gradient = _write_gradient(lines, group, parameter, gradient, f"{prefix}gradient")
    square, average, below = f"{prefix}square_avg", f"{prefix}grad_avg", f"{prefix}below"
    lines.scale(square, "alpha")
    lines.add_square(square, gradient, "one_minus_alpha")
    if group["centered"]:
        lines.move_towards(average, gradient, "one_minus_alpha")
        lines.minus_square(below, square, average)
        lines.root(below, below)
    else:
        lines.root(below, square)
    lines.shift(below, "eps")
    if is_on(group["momentum"]):
        buffer = f"{prefix}momentum_buffer"
        lines.scale(buffer, "momentum")
        lines.add_quotient(buffer, gradient, below)
        lines.add_scaled(parameter, buffer, "minus_lr")
    else:
        lines.add_quotient(parameter, gradient, below, "minus_lr")


def _rmsprop_numbers(group: Group) -> dict[str, Number]:
    return {
        "weight_decay": group["weight_decay"],
        "alpha": group["alpha"],
        "one_minus_alpha": 1 - group["alpha"],
        "eps": group["eps"],
        "momentum": group["momentum"],
    }


def _rmsprop_state(group: Group) -> tuple[str, ...]:
    names = ["square_avg"]
    names += ["momentum_buffer"] if is_on(group["momentum"]) else []
    names += ["grad_avg"] if group["centered"] else []
    return tuple(names)


def _write_adagrad(lines: Lines, group: Group, parameter: str, gradient: str, prefix: str, first: bool) -> None:
    gradient = _write_gradient(lines, group, parameter, gradient, f"{prefix}gradient")
    lines.add_square(f"{prefix}sum", gradient)
    lines.root(f"{prefix}below", f"{prefix}sum")
    lines.shift(f"{prefix}below", "eps")
    lines.add_quotient(parameter, gradient, f"{prefix}below", "minus_rate")


RULES: dict[type[optim.Optimizer], Rule] = {
    optim.SGD: Rule(
        state=lambda group: ("momentum_buffer",) if is_on(group["momentum"]) else (),
        counts_steps=False,
        numbers=_sgd_numbers,
        rates=lambda group, lr, step, power: {"minus_lr": -lr},
        write=_write_sgd,
    ),
    optim.Adam: Rule(
        state=lambda group: ("exp_avg", "exp_avg_sq"),
        counts_steps=True,
        numbers=_adam_numbers,
        rates=_adam_rates,
        write=_write_adam,
    ),
    optim.RMSprop: Rule(
        state=_rmsprop_state,
        counts_steps=True,
        numbers=_rmsprop_numbers,
        rates=lambda group, lr, step, power: {"minus_lr": -lr},
        write=_write_rmsprop,
    ),
    optim.Adagrad: Rule(
        state=lambda group: ("sum",),
        counts_steps=True,
        numbers=lambda group: {"weight_decay": group["weight_decay"], "eps": group["eps"]},
        rates=lambda group, lr, step, power: {"minus_rate": -(lr / (1 + (step - 1) * group["lr_decay"]))},
        write=_write_adagrad,
    ),
}
RULES[optim.AdamW] = RULES[optim.Adam]  # the same class but for `decoupled_weight_decay`


def rule_for(optimizer: optim.Optimizer) -> Rule | None:
    """The rule that does what `optimizer.step()` does, or None if it has to be called itself.

    It has to be where somebody listens to it (hooks), has replaced it, or asks for a variant that the rules
    do not have (AMSGrad, a learning rate that is a tensor, `foreach=True`).
    """
    rule = RULES.get(type(optimizer))
    own_step = vars(optimizer).get("step")
    is_replaced = own_step is not None and not hasattr(own_step, "_wrapped_by_lr_sched")
    if rule is None or is_replaced or is_listened_to(optimizer):
        return None
    for group in optimizer.param_groups:
        if any(group.get(name) for name in rule.unsupported):
            return None
        if any(isinstance(value, Tensor) for key, value in group.items() if key != "params"):
            return None
    return rule


def is_listened_to(optimizer: optim.Optimizer) -> bool:
    """True if hooks hang on the optimiser or on all optimisers."""
    return any(
        (
            optimizer._optimizer_step_pre_hooks,
            optimizer._optimizer_step_post_hooks,
            _global_optimizer_pre_hooks,
            _global_optimizer_post_hooks,
        )
    )
