"""Wrong command lines, made from the real configs: each with a word that its refusal has to name.

What is wrong is known from how the line was made, not from the check that is to find it: a key or a choice
with a slip of the pen in it, a value of another kind than the one it replaces, a value outside the range that
`RANGES` here says again, two settings that contradict each other, text that is no override.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contradictions import CONTRADICTIONS

from descentlab.settings.compose import compose
from descentlab.settings.config_folders import config_folder

LETTERS = "abcdefghijklmnopqrstuvwxyz_"


@dataclass(frozen=True)
class BadLine:
    """A command line (`train optimizer.lrr=1`), a word that the message has to hold, and the files that it finds."""

    command: str
    arguments: tuple[str, ...]
    culprit: str
    files: Mapping[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.command, *self.arguments])


def slip(word: str, chance: random.Random) -> str:
    """The word with one letter left out, doubled, exchanged with its neighbour, or replaced."""
    while True:
        k = chance.randrange(len(word))
        letter = chance.choice(LETTERS)
        swapped = word[:k] + word[k + 1 : k + 2] + word[k] + word[k + 2 :]
        slipped = chance.choice(
            [word[:k] + word[k + 1 :], word[:k] + word[k] + word[k:], swapped, letter.join([word[:k], word[k + 1 :]])]
        )
        if slipped != word and slipped.strip("_."):
            return slipped


def groups() -> dict[str, list[str]]:
    """The choices of each group."""
    folders = sorted(path for path in config_folder().iterdir() if path.is_dir())
    return {folder.name: sorted(file.stem for file in folder.glob("*.yaml")) for folder in folders}


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a config with their values."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path, node


def misspelt_choices(chance: random.Random, count: int) -> Iterator[BadLine]:
    """A group's choice with a slip in it."""
    known = groups()
    for _ in range(count):
        group = chance.choice(sorted(known))
        choice = slip(chance.choice(known[group]), chance)
        if choice not in known[group]:
            yield BadLine(chance.choice(COMPOSING), (f"{group}={choice}",), choice)


def misspelt_keys(chance: random.Random, count: int) -> Iterator[BadLine]:
    """A key with a slip in one of its parts."""
    keys = dict(leaves(compose()))
    for _ in range(count):
        parts = chance.choice(sorted(keys)).split(".")
        k = chance.randrange(len(parts))
        parts[k] = slip(parts[k], chance)
        key = ".".join(parts)
        if key not in keys and key not in groups():
            yield BadLine(chance.choice(COMPOSING), (f"{chance.choice(['', '', '+'])}{key}=1",), parts[k])


OTHER_KINDS: dict[type, list[str]] = {
    int: ["two", "2.5", "[1]", "{a:1}", "true", "nan", "inf", "-inf", "''", "1e3", "٣", "é", "null"],
    float: ["fast", "[1]", "{a:1}", "true", "nan", "inf", "-inf", "''", "0.1.2", "½", "1e", "null"],
    bool: ["maybe", "[true]", "{a:true}", "2", "0.5", "''", "null"],
    str: ["[a]", "{a:b}", "1.5", "null", "true"],
    list: ["1", "one", "{a:1}", "[a]", "[[a]]", "[true]", "[nan]", "[null]", "''"],
}
"""Values that cannot stand where a value of this type stands, as typed."""

OPEN = {
    "name",
    "tags",
    "trusted_packages",
    "optimizer.line_search_fn",
    "history.every",
    "data.batch_size",
    "model.initial_coefficients",
    "resume",
}
"""Keys that take other types than that of their value, or text of any kind."""


def wrong_kinds(chance: random.Random, count: int) -> Iterator[BadLine]:
    """A value of another kind than the one that a choice has."""
    typed = [(f"{group}={choice}", group) for group, choices in groups().items() for choice in choices]
    lines = []
    for choice, group in typed:
        if group in ("experiment", "debug", "callbacks", "trainer", "data") and choice not in (
            "data=kink",
            "trainer=cpu",
        ):
            continue
        for key, value in leaves(compose([choice]).get(group, {}), group):
            kind = type(value)
            if key in OPEN or kind not in OTHER_KINDS or key.endswith("_target_"):
                continue
            lines += [((choice, f"{key}={text}"), key) for text in OTHER_KINDS[kind] if (kind, text) != (str, "1.5")]
    for arguments, key in chance.sample(lines, min(count, len(lines))):
        yield BadLine(chance.choice(COMPOSING), arguments, key)


RANGES: dict[str, list[str]] = {
    "optimizer.lr": ["0", "-1", "-1e-30", "1e31", "1e400"],
    "seed": ["-1", "9223372036854775808", "1" + "0" * 40],
    "name": ["../x", "a/b", "..", "/tmp/x"],
    "data.seed": ["-1", "1" + "0" * 25],
    "model.seed": ["-3", "18446744073709551616"],
    "data.num_samples": ["0", "-7", "1" + "0" * 15, "1" + "0" * 30],
    "data.noise_std": ["-0.001", "-1e300", "3.5e38"],
    "data.batch_size": ["0", "-1", "2.5", "1" + "0" * 30],
    "data.num_features": ["0", "-1", "2", "1" + "0" * 30],
    "model.hidden_width": ["0", "-4", "1" + "0" * 30],
    "model.num_hidden_layers": ["0", "-1", "1" + "0" * 30],
    "trainer.max_steps": ["-1", "-1000", "1" + "0" * 30],
    "trainer.devices": ["0", "-1", "none"],
    "trainer.num_nodes": ["0", "-2"],
    "trainer.gradient_clip_val": ["0", "-1"],
    "history.every": ["0", "-1"],
    "logger.every": ["0", "-10"],
    "sweep.fails_above": ["0", "-1"],
    "sweep.events": ["-1"],
    "callbacks.histograms.bins": ["0", "-64"],
    "callbacks.validation.every": ["0", "-1"],
    "callbacks.checkpoint.every": ["0", "-1"],
    "optimizer.weight_decay": ["-1", "1e300"],
    "optimizer=adam optimizer.weight_decay": ["1e39"],
    "optimizer=momentum optimizer.momentum": ["-0.1", "1.1", "9e9"],
    "optimizer=adam optimizer.betas": ["[1,0.9]", "[0.9,-0.1]", "[0.9]", "[0.9,0.9,0.9]", "[]"],
    "optimizer=adam optimizer.eps": ["0", "-1"],
    "optimizer=rmsprop optimizer.alpha": ["1", "-0.1"],
    "optimizer=lbfgs optimizer.max_iter": ["0", "-1"],
    "optimizer=lbfgs optimizer.history_size": ["0"],
    "optimizer=lbfgs optimizer.line_search_fn": ["weak", "wolfe"],
    "scheduler=step scheduler.step_size": ["0", "-1"],
    "scheduler=step scheduler.gamma": ["0", "1.5", "-1"],
    "scheduler=cosine scheduler.eta_min": ["-1", "1e300"],
    "loss=huber loss.delta": ["0", "-1"],
    "model=polynomial model.degree": ["0", "-1", "1" + "0" * 30],
    "model=wide_net model.slope": ["nan", "inf"],
    "model=linear model.initial_coefficients": ["[1,-1e300]"],
    "data=table data.x=[1,2] data.y=[1,2] data.val_fraction": ["-0.1", "1", "2"],
    "data=table data.x=[1,2] data.y=[1,2] data.test_fraction": ["1.0", "-1"],
}
"""Values outside what each key takes, by the key and the choices that bring it."""


def out_of_range() -> Iterator[BadLine]:
    for given, values in RANGES.items():
        *choices, key = given.split()
        yield from (BadLine(COMPOSING[k % 3], (*choices, f"{key}={value}"), key) for k, value in enumerate(values))


def contradictory() -> Iterator[BadLine]:
    for line, culprit in CONTRADICTIONS.items():
        yield BadLine(
            "train"
            if "-" in line
            or "trainer" in line
            or "callbacks" in line
            or "logger" in line
            or "hydra" in line
            or "resume" in line
            else COMPOSING[len(line) % 3],
            tuple(line.split()),
            culprit,
        )


BROKEN_TEXT = [
    "[",
    "{",
    "]",
    "}",
    "(",
    ")",
    "'",
    '"',
    "[1,",
    "{a:",
    "[1]]",
    "${",
    "a=b=c",
    ",",
    ",,",
    "a b'",
    "$$ {",
    "\\'",
    "@",
    "!{}",
    "[}",
    "f(",
    "f(x",
    "range(",
    "[1 2]'",
]


def malformed(chance: random.Random, count: int) -> Iterator[BadLine]:
    """Text that Hydra's grammar cannot read."""
    keys = sorted(dict(leaves(compose())))
    for _ in range(count):
        key = chance.choice(keys)
        shape = chance.randrange(4)
        if shape == 0:
            yield BadLine(chance.choice(COMPOSING), (key,), key)
        elif shape == 1:
            yield BadLine(chance.choice(COMPOSING), (f"={chance.randrange(9)}",), "=")
        elif shape == 2:
            mark = chance.choice(["!", "?", ":", ";", "%", "^", "&", "|", "<", ">", "+~", "==", " ", "++~"])
            yield BadLine(chance.choice(COMPOSING), (f"{mark}{key}=1",), key)
        else:
            yield BadLine(chance.choice(COMPOSING), (f"{key}={chance.choice(BROKEN_TEXT)}",), key)


COMPOSING = ("find_rate", "gradients", "stability", "train")
"""The commands that compose a config; the last of them would train."""


def composed_lines(seed: int, count: int) -> list[BadLine]:
    """About `count` wrong lines of the commands that compose, of each kind its share."""
    chance = random.Random(seed)
    some = [
        *misspelt_choices(chance, count),
        *misspelt_keys(chance, count),
        *wrong_kinds(chance, count),
        *malformed(chance, count),
    ]
    return [*out_of_range(), *contradictory(), *some]
