"""The state that an update rule reads and writes: the tensors in `optimizer.state` and the rates of each step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from descentlab.engines.lines import Lines, Number
from descentlab.engines.preconditions import hyperparameters
from descentlab.engines.problem import Problem
from descentlab.engines.record import CannotRecord
from descentlab.engines.updates import Group, Rule


class RuleUpdates:
    """The updates of all parameters by one rule.

    Args:
        problem: whose optimiser has the rule.
        rule: what its optimiser does.
        has_gradient: for each of the optimiser's parameters (see `optimized`), if the loss depends on it;
            the others are left alone and get no state.
    """

    def __init__(self, problem: Problem, rule: Rule, has_gradient: list[bool]) -> None:
        self.problem, self.rule = problem, rule
        self.hyperparameters = hyperparameters(problem)
        members = dict(zip(map(id, optimized(problem)), has_gradient, strict=True))
        self.groups: list[tuple[Group, list[tuple[int, nn.Parameter]]]] = []
        index = {identity: i for i, identity in enumerate(members)}
        for group in problem.optimizer.param_groups:
            parameters = [(index[id(p)], p) for p in group["params"] if members.get(id(p), False)]
            self.groups.append((group, parameters))

    def state_tensors(self) -> dict[str, Tensor]:
        """The state tensors by the names the lines give them; zeros are made for what is not there yet."""
        tensors = {}
        for group, parameters in self.groups:
            if not self.rule.counts_steps and not self.rule.state(group):
                continue  # torch makes no entry then, either
            for index, parameter in parameters:
                state = self.problem.optimizer.state[parameter]
                if self.rule.counts_steps and "step" not in state:
                    is_double = torch.get_default_dtype() == torch.float64
                    state["step"] = torch.zeros((), dtype=torch.float64 if is_double else torch.float32)
                for name in self.rule.state(group):
                    if state.get(name) is None:
                        state[name] = torch.zeros_like(parameter.detach())
                    tensors[f"s{index}_{name}"] = state[name]
        return tensors

    def first_updates(self) -> frozenset[int]:
        """The parameters whose momentum has not begun: SGD begins it with a copy of the gradient."""
        if self.rule.counts_steps:
            return frozenset()
        return frozenset(
            index
            for group, parameters in self.groups
            for index, parameter in parameters
            for name in self.rule.state(group)
            if self.problem.optimizer.state.get(parameter, {}).get(name) is None
        )

    def lines(self, gradients: list[str | None], first: frozenset[int], takes_tensors: bool = False) -> list[str]:
        """The statements that update every parameter, given the names of the gradients; they are written for
        rates that are tensors if it `takes_tensors`."""
        names = {name for group, _ in self.groups for name in self._rates_of_group(group, 1.0)}
        lines = Lines(frozenset(names if takes_tensors else ()))
        for number, (group, parameters) in enumerate(self.groups):
            lines.suffix = f"_{number}"
            for index, _ in parameters:
                gradient = gradients[index]
                assert gradient is not None
                self.rule.write(lines, group, f"p{index}", gradient, f"s{index}_", index in first)
        return lines.lines

    def numbers(self) -> dict[str, Number]:
        """The numbers that the lines read, the same at every step."""
        return {
            f"{name}_{number}": value
            for number, (group, _) in enumerate(self.groups)
            for name, value in self.rule.numbers(group).items()
        }

    def rate_names(self) -> list[str]:
        """The names of the numbers that are new at every step, in the order in which `rates` gives them."""
        return [
            f"{name}_{number}"
            for number, (group, _) in enumerate(self.groups)
            for name in self._rates_of_group(group, 1.0)
        ]

    def rates(self, count: int, done: list[float]) -> list[tuple[Number, ...]]:
        """The new numbers of the next `count` steps. The real scheduler is stepped as often.

        Args:
            count: how many steps.
            done: for each group how many updates were performed before.

        Raises:
            CannotRecord: if the scheduler changes more than learning rates.
        """
        scheduler, rule = self.problem.scheduler, self.rule
        if scheduler is None and not rule.counts_steps:
            return [self._rates_of_step([0.0] * len(done))] * count
        if scheduler is not None:
            self.problem.optimizer._opt_called = True  # type: ignore[attr-defined]  # or the scheduler warns
        table = []
        for step in range(1, count + 1):
            table.append(self._rates_of_step([before + step for before in done]))
            if scheduler is not None:
                scheduler.step()
                if hyperparameters(self.problem) != self.hyperparameters:
                    raise CannotRecord("the schedule changes more than the learning rate")
        return table

    def _rates_of_step(self, steps: list[float]) -> tuple[Number, ...]:
        return tuple(
            rate
            for (group, _), step in zip(self.groups, steps, strict=True)
            for rate in self._rates_of_group(group, step).values()
        )

    def _rates_of_group(self, group: Group, step: float) -> dict[str, Number]:
        return self.rule.rates(group, group["lr"], step, pow)

    def steps_done(self) -> list[float]:
        """For each group the updates performed so far, as the state counts them (0.0 if it does not).

        Raises:
            CannotRecord: if the parameters of one group were updated a different number of times.
        """
        return [self._steps_done(parameters) for _, parameters in self.groups]

    def count_steps(self, done: list[float]) -> None:
        """Write the number of updates into the state."""
        if self.rule.counts_steps:
            for (_, parameters), steps in zip(self.groups, done, strict=True):
                for _, parameter in parameters:
                    self.problem.optimizer.state[parameter]["step"].fill_(steps)

    def _steps_done(self, parameters: list[tuple[int, nn.Parameter]]) -> float:
        states = [self.problem.optimizer.state.get(parameter, {}) for _, parameter in parameters]
        counts = {float(state.get("step", 0.0)) for state in states}
        if len(counts) > 1:
            raise CannotRecord("the optimiser has updated its parameters a different number of times")
        return counts.pop() if counts else 0.0


def optimized(problem: Problem) -> list[nn.Parameter]:
    """The parameters that the optimiser updates, group by group; p0, p1, ... in a recorded program."""
    return [p for group in problem.optimizer.param_groups for p in group["params"] if p.requires_grad]
