"""`new.py`: the files of a model family or a generator of one's own, and a test beside them."""

import keyword
import re
from collections.abc import Sequence
from pathlib import Path

from descentlab.commands.entry import run
from descentlab.errors import InputError, did_you_mean
from descentlab.runs.files import write_whole

HELP = """
python scripts/new.py model my_net        a net of your own: an nn.Module, a YAML and a test
python scripts/new.py generator my_law    data of your own: a law with noise, a YAML and a test

They work as they are: change what they compute. docs/extending.md says what belongs in them. Before the whole
suite, `python scripts/reference.py` writes their settings into docs/configuration.md.
"""

_MODEL = {
    "src/{package}/nets/{name}.py": '''"""{words}."""

from typing import Annotated

from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor, nn


class {Name}(nn.Module):
    """One hidden layer, V tanh(W x + b) + c.

    Args:
        num_features: the features of x, >= 1.
        hidden_width: hidden units, >= 1.
    """

    def __init__(self, num_features: Annotated[int, Ge(1)], hidden_width: Annotated[int, Ge(1)]) -> None:
        super().__init__()
        self.hidden = nn.Linear(num_features, hidden_width)
        self.activation = nn.Tanh()
        self.output = nn.Linear(hidden_width, 1)

    def forward(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample 1"]:
        hidden = self.activation(self.hidden(x))  # (sample, hidden_width)
        prediction: Tensor = self.output(hidden)  # (sample, 1)
        return prediction
''',
    "conf/model/{name}.yaml": """# {words}
defaults:
  - /data@_global_.data: kink  # the data it trains on where none are named
_target_: {package}.nets.{name}.{Name}
num_features: ${{data.num_features}}
hidden_width: 4
seed: ${{seed}}
""",
    "tests/nets/test_{name}.py": '''"""{words}: beside test_every_net, which has what holds for all."""

import torch

from {package}.nets.{name} import {Name}


def test_without_hidden_weights_the_prediction_is_constant():
    net = {Name}(num_features=1, hidden_width=3)
    torch.nn.init.zeros_(net.hidden.weight)
    first, second = net(torch.tensor([[-1.0], [2.0]]))
    assert torch.equal(first, second)
''',
}
_GENERATOR = {
    "src/{package}/generators/{name}.py": '''"""{words}."""

from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from {package}.generators.draw import Draw
from {package}.generators.points import evenly_spaced, standard_normals


def law(x: Float[Tensor, "sample 1"], *, frequency: float) -> Float[Tensor, "sample 1"]:
    """The noiseless law, sin(frequency x): (sample, 1) to (sample, 1)."""
    return torch.sin(frequency * x)


def {name}(
    generator: torch.Generator,
    *,
    num_samples: Annotated[int, Ge(1)],
    noise_std: Annotated[float, Ge(0)],
    frequency: float,
) -> Draw:
    """Points about sin(frequency x), at evenly spaced x on [-1, 1].

    Args:
        generator: the stream of the noise, on the CPU.
        num_samples: how many points, >= 1.
        noise_std: the standard deviation of the noise, in the unit of y, >= 0.
        frequency: radians a unit of x.
    """
    x = evenly_spaced(-1.0, 1.0, num_samples)
    noise = noise_std * standard_normals(generator, num_samples)
    return Draw(x=x, law=partial(law, frequency=frequency), noise=noise, coefficients=None, noise_std=noise_std)
''',
    "conf/data/{name}.yaml": """# {words}
_target_: {package}.generators.{name}.{name}
num_features: 1
num_samples: 100
noise_std: 0.1
frequency: 3.0
seed: ${{seed}}
batch_size: null  # null: all points in every step
""",
    "tests/generators/test_{name}.py": '''"""{words}: beside test_every_generator, which has what holds for all."""

import math

import torch

from {package}.generators.{name} import law


def test_a_quarter_of_a_turn_is_the_top_of_the_wave():
    torch.testing.assert_close(law(torch.tensor([[0.0], [0.5]]), frequency=math.pi), torch.tensor([[0.0], [1.0]]))
''',
}
KINDS = {"model": _MODEL, "generator": _GENERATOR}
"""By kind: the files that are written, with the name, its class and its words left open."""

_TRY = {
    "model": "python scripts/train.py model={name}\npython -m pytest tests/nets -k '{Name} or {name}'",
    "generator": "python scripts/train.py data={name}\npython -m pytest tests/generators -k {name}",
}


def main() -> None:
    """Run the command line."""
    run(_new, HELP)


def _new(arguments: Sequence[str]) -> None:
    if len(arguments) != 2:
        raise InputError(f"expected a kind and a name, got {len(arguments)} words; type new.py model my_net.")
    kind, name = arguments
    if kind not in KINDS:
        raise InputError(f"{kind}: there is no such kind; {did_you_mean(kind, KINDS)}")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    is_taken = keyword.iskeyword(name) or keyword.iskeyword(class_name) or name == "law"
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or is_taken:
        raise InputError(f"{name}: expected a name in small letters, such as my_net, that Python has no use for.")
    words = name.replace("_", " ").capitalize()
    texts = {
        "name": name,
        "Name": class_name,
        "words": words,
        "package": __name__.partition(".")[0],
    }
    # The checkout that this file is in, wherever the command is typed.
    root = Path(__file__).resolve().parents[3]
    if not (root / "conf").is_dir():
        raise InputError(f"{root}: expected a clone of the repository, with conf and tests; there is none around here.")
    files = {root / path.format(**texts): text.format(**texts) for path, text in KINDS[kind].items()}
    for path in files:
        if path.exists():
            raise InputError(f"{name}: expected a name that is not taken, but {path.relative_to(root)} exists.")
    for path, text in files.items():
        write_whole(path, text)
        print(path.relative_to(root))
    print(f"\nTry it:\n{_TRY[kind].format(**texts)}")
