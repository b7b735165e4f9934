"""The hidden units of a net taken apart (lesson 4f)."""

from dataclasses import dataclass

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor, nn

from descentlab.reports.figures.style import VAL, legend_below
from descentlab.reports.forward_pass import Step, trace
from descentlab.reports.subject import CannotDraw, Subject

_COLOURS = ("C0", "C1", "C2", "C4", "C5", "C6")
_INK = "C7"


@dataclass(frozen=True, eq=False)
class Units:
    """The last hidden layer of a net over some inputs, and what the output makes of it.

    Attributes:
        layer, activation: names of the two steps.
        pre_activation, activated: of each unit.
        contribution: output weight times activation, in the target's unit.
        offset: what the output adds to the sum of the contributions: its bias, and the target's mean
            where the targets are standardised.
    """

    layer: str
    activation: str
    pre_activation: Float[Tensor, "point unit"]
    activated: Float[Tensor, "point unit"]
    contribution: Float[Tensor, "point unit"]
    offset: float

    @property
    def total(self) -> Float[Tensor, " point"]:
        """The prediction: the sum of the contributions and the offset."""
        return self.contribution.sum(dim=1) + self.offset


def units_of(subject: Subject, x: Float[Tensor, "point 1"]) -> Units:
    """The hidden units of a net at inputs in the user's units.

    Raises:
        CannotDraw: the net does not end in a linear layer of one output after an activation.
    """
    units = subject.module.standardization
    steps = trace(subject.module.net, x if units is None else units.standardize_x(x))
    hidden = _last_hidden(steps)
    if hidden is None:
        raise CannotDraw("the model has no hidden units before a linear output")
    before, activation, output = hidden
    assert isinstance(output.module, nn.Linear)
    scale, mean = (1.0, 0.0) if units is None else (units.y_std, units.y_mean)
    bias = 0.0 if output.module.bias is None else float(output.module.bias[0].detach())
    contribution = activation.output * output.module.weight[0].detach() * scale
    return Units(before.name, activation.kind, before.output, activation.output, contribution, bias * scale + mean)


def _last_hidden(steps: list[Step]) -> tuple[Step, Step, Step] | None:
    """A linear layer, its activation and the linear output, where the net ends in these three alone."""
    if len(steps) < 4 or not isinstance(steps[-1].module, nn.Linear) or steps[-1].module.out_features != 1:
        return None
    before, activation, output = steps[-3:]
    follow = activation.sources == (len(steps) - 3,) and output.sources == (len(steps) - 2,)
    weighs = isinstance(before.module, nn.Linear) and not activation.has_parameters
    fits = activation.output.shape == before.output.shape
    return (before, activation, output) if follow and weighs and fits else None


def units_figure(subject: Subject) -> Figure:
    """Pre-activation, activation, weighted contribution and their sum, each against x; of a wide layer
    the units whose contributions vary most over the training points.

    Raises:
        CannotDraw: there are several features or no hidden units.
    """
    grid = subject.grid()
    units = units_of(subject, grid)
    width = units.contribution.shape[1]
    spread = units_of(subject, subject.points("train").x).contribution.var(dim=0, correction=0)
    shown = sorted(spread.argsort(descending=True)[: len(_COLOURS)].tolist())
    figure = Figure(figsize=(9.6, 6.4))
    panels = figure.subplots(2, 2, sharex=True)
    titles = ("pre-activation", f"activation: {units.activation}", "weighted contribution")
    parts = (units.pre_activation, units.activated, units.contribution)
    for axes, title, values in zip(panels.flat, titles, parts, strict=False):
        for colour, unit in zip(_COLOURS, shown, strict=False):
            axes.plot(grid[:, 0], values[:, unit], color=colour, linewidth=1.8, label=f"unit {unit + 1}")
        axes.set_title(title)
    last = panels[1, 1]
    x, y = subject.points("train")
    last.scatter(x[:, 0], y[:, 0], s=14, color=VAL, alpha=0.7, linewidths=0, label="training points")
    last.plot(grid[:, 0], units.total, color=_INK, linewidth=2.2, label="sum")
    last.set_title("sum of all units" + (f" and the offset {units.offset:.3g}" if units.offset else ""))
    for axes in panels[1]:
        axes.set_xlabel(subject.feature_names[0])
    panels[0, 0].set_ylabel(units.layer)
    panels[1, 0].set_ylabel(subject.target_name)
    count = (
        f"the {len(shown)} of {width} units that contribute most"
        if len(shown) < width
        else f"{width} unit{'s' * (width > 1)}"
    )
    figure.suptitle(f"hidden layer {units.layer}: {count}", fontsize=12)
    legend_below(figure, panels[1, 0], last)
    return figure
