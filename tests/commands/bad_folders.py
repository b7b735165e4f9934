"""Wrong run folders, checkpoints, CSVs and arguments, made from those of a good run."""

import copy
import io
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from bad_lines import OPEN, OTHER_KINDS, BadLine, leaves, slip
from bad_tables import CSVS

JUDGING = (("evaluate", "run=run"), ("predict", "run=run", "x=1"), ("stability", "run=run"))
"""What is asked of a run folder."""

CONFIG, CHECKPOINT = "run/config.yaml", "run/checkpoints/last.ckpt"


class Harmful:
    """A pickle of it would run code: it makes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("harmed"),)


def folder_lines(seed: int, run: Path, count: int) -> list[BadLine]:
    """Wrong lines about a run folder and its files, of each kind its share.

    Args:
        seed: of the chances.
        run: the folder of a good run of one feature.
        count: lines of each kind that there are many of.
    """
    chance = random.Random(seed)
    good = {
        CONFIG: (run / "config.yaml").read_bytes(),
        CHECKPOINT: (run / "checkpoints" / "last.ckpt").read_bytes(),
    }
    return [
        *configs(chance, good, count),
        *broken_yaml(chance, good, count),
        *checkpoints(chance, good, count),
        *csvs(chance, good, count),
        *arguments(chance, good, count),
        *no_runs(good),
    ]


def configs(chance: random.Random, good: dict[str, bytes], count: int) -> Iterator[BadLine]:
    """A config.yaml with a value of another kind, without a key, with a key that has a slip, or with one more."""
    settings = loaded(good[CONFIG])
    keys = [(key, value) for key, value in leaves(settings) if key != "name"]
    wrong = [
        (key, text)
        for key, value in keys
        if type(value) in OTHER_KINDS and key not in OPEN and not key.endswith("_target_")
        for text in OTHER_KINDS[type(value)]
    ]
    for key, text in chance.sample(wrong, min(2 * count, len(wrong))):
        yield about(chance, good, changed(settings, key, loaded(text)), key)
    for key, value in keys:
        if key.startswith("optimizer.") or key.endswith(".bins") or value is None:
            continue  # these may be left out
        yield about(chance, good, changed(settings, key, None, remove=True), key.rpartition(".")[2])
    for key, value in chance.choices([(key, value) for key, value in keys if value is not None], k=count):
        *parents, last = key.split(".")
        other = ".".join([*parents, slip(last, chance)])
        yield about(chance, good, changed(changed(settings, key, None, remove=True), other, value), last)
    for key in ("_args_", "_partial_", "_recursive_", "_convert_", "extra"):
        for group in ("model", "data", "loss", "optimizer", "trainer", "callbacks.progress", "logger.csv"):
            yield about(chance, good, changed(settings, f"{group}.{key}", [1]), key)
    for target in (
        "os.system",
        "builtins.eval",
        "torch.hub.load",
        "torch.load",
        "their_study.Net",
        "descentlab.runs.files.write_whole",
    ):
        for group in ("model", "data", "loss", "optimizer", "scheduler", "trainer", "callbacks.progress", "logger.csv"):
            yield about(chance, good, changed(settings, f"{group}._target_", target), f"{group}._target_")


def broken_yaml(chance: random.Random, good: dict[str, bytes], count: int) -> Iterator[BadLine]:
    """A config.yaml cut short, with a mark of YAML put in, or something else altogether."""
    text = good[CONFIG]
    for _ in range(count):
        yield about(chance, good, text[: chance.randrange(len(text) - 60)], "config.yaml")
    for content in (
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b"3",
        b"null",
        b"- a\n- b",
        b"{",
        b"a: b: c",
        b"\t",
        b"%",
        b"!!python/object/apply:os.system [ls]",
        b"&a [*a]",
        b"1: 2",
        b"\x00",
        b"a: ${",
        "é: [".encode("latin-1"),
    ):
        yield about(chance, good, content, "config.yaml")
    lines = text.splitlines()
    for _ in range(count):
        k = chance.randrange(len(lines))
        mark = chance.choice([b"[", b"{", b"\t- ", b": :", b"*a", b"&", b"!!python/name:os.system ", b"%", b"@", b"`"])
        yield about(chance, good, b"\n".join([*lines[:k], mark + lines[k], *lines[k + 1 :]]), "config.yaml")


def checkpoints(chance: random.Random, good: dict[str, bytes], count: int) -> Iterator[BadLine]:
    """A checkpoint cut short, of something else, of another model, or with code in it."""
    whole = good[CHECKPOINT]
    state = torch.load(io.BytesIO(whole), weights_only=True)
    contents = [whole[: chance.randrange(len(whole))] for _ in range(count)]
    contents += [chance.randbytes(chance.randrange(200)) for _ in range(count // 4)]
    contents += [
        b"",
        b"{}",
        b"PK",
        b"PK\x03\x04",
        good[CONFIG],
        pickle.dumps({"state_dict": {}}),
        pickle.dumps(Harmful()),
    ]
    weights = state["state_dict"]
    name = next(iter(weights))
    others: list[Any] = [
        *(1, "text", [1, 2], None, {}, {"weights": 1}, torch.zeros(3)),
        {**state, "state_dict": 3},
        {**state, "state_dict": None},
        {**state, "state_dict": {}},
        {**state, "state_dict": {name: weights[name]}},
        {**state, "state_dict": {**weights, "more": torch.zeros(1)}},
        {**state, "state_dict": {**weights, name: torch.zeros(7, 7)}},
        {**state, "state_dict": {**weights, name: "text"}},
        {**state, "state_dict": {key.replace("net", "nets"): value for key, value in weights.items()}},
        {key: value for key, value in state.items() if key != "standardization"},
        {**state, "standardization": 3},
        {**state, "standardization": {"x_mean": [1.0]}},
        {**state, "surprise": Harmful()},
        Harmful(),
    ]
    for other in others:
        stream = io.BytesIO()
        torch.save(other, stream)
        contents.append(stream.getvalue())
    for content in contents:
        command, *arguments = chance.choice(JUDGING)
        yield BadLine(command, tuple(arguments), "last.ckpt", {**good, CHECKPOINT: content})


def csvs(chance: random.Random, good: dict[str, bytes], count: int) -> Iterator[BadLine]:
    """A CSV with a fault, for predictions and for training."""
    training = ("model=linear", "data=table", "data.path=in.csv", "data.features=[x1]", "data.target=y")
    for content in CSVS.values():
        yield BadLine("predict", ("run=run", "csv=in.csv"), "in.csv", {**good, "in.csv": content})
    for content in list(CSVS.values())[::3]:
        yield BadLine("gradients", training, "in.csv", {"in.csv": content.replace(b"x1", b"x1,z", 1)})
    for _ in range(count):
        rows = [["x1", "y"], *([f"{chance.random():.3f}", f"{chance.random():.3f}"] for _ in range(9))]
        k = chance.randrange(1, 10)
        fault = chance.randrange(4)
        if fault == 0:
            rows[k][0] = chance.choice(["", "a", "1.2.3", "--1", "1e", "0x1G", "nan", "-inf", "∞", "1 2", "None"])
        elif fault == 1:
            rows[k] = rows[k][:1]
        elif fault == 2:
            rows[k] = [*rows[k], "1"]
        else:
            rows[k] = ["", ""]
        content = "\n".join(map(",".join, rows)).encode()
        yield BadLine("predict", ("run=run", "csv=in.csv"), f"in.csv, line {k + 1}", {**good, "in.csv": content})


def arguments(chance: random.Random, good: dict[str, bytes], count: int) -> Iterator[BadLine]:
    """Arguments of the commands that take a run folder: misspelt, of another kind, too many, too few."""
    known = {"evaluate": ["run", "checkpoint"], "predict": ["run", "x", "csv", "out", "checkpoint"]}
    for _ in range(count):
        command = chance.choice(sorted(known))
        word = slip(chance.choice(known[command]), chance)
        if word not in known[command]:
            yield BadLine(command, ("run=run", f"{word}=1"), word, good)
    for text in (
        *OTHER_KINDS[float],
        "[[1],2]",
        "[1,two]",
        "[[[1]]]",
        "[]",
        "[[]]",
        "[[1,2]]",
        "[[1],[1,2]]",
        "1 2",
        "${x}",
        "{",
        "1e400",
        "0x",
    ):
        if text not in ("[1]", "null"):
            yield BadLine("predict", ("run=run", f"x={text}"), "x", good)
    for text in (*OTHER_KINDS[str], "first", "LAST", "''", "last.ckpt", "../last"):
        yield BadLine("evaluate", ("run=run", f"checkpoint={text}"), "checkpoint", good)
    for out in ("nowhere/out.csv", "run", ".", "/", "run/config.yaml/out.csv", "o" * 300):
        yield BadLine("predict", ("run=run", "x=1", f"out={out}"), "out", good)
    for given in (("x=1", "csv=a.csv"), (), ("csv=nowhere.csv",), ("csv=",)):
        yield BadLine("predict", ("run=run", *given), "csv", good)
    for path in ("run", "c" * 300):
        yield BadLine("predict", ("run=run", f"csv={path}"), f"{path}: expected a CSV file", good)
    yield BadLine("predict", ("run=run", "x=1", "checkpoint=best"), "best.ckpt", good)
    for word in ("best", "--run=run", "-v", "run:run", "🙂", "=", "run run"):
        yield BadLine("evaluate", ("run=run", word), word.partition("=")[0], good)
    for value in ("their_study", "[os.system]", "[a b]", "[1]", "{a:1}", ""):
        yield BadLine("evaluate", ("run=run", f"trusted_packages={value}"), "trusted_packages", good)


def no_runs(good: dict[str, bytes]) -> Iterator[BadLine]:
    """Folders that are no run's."""
    paths = (
        "nowhere",
        "in.csv",
        ".",
        "/",
        "..",
        "",
        "r" * 300,
        "~",
        "*",
        "run/config.yaml",
        "run/checkpoints",
        "пусто",
        "a\nb",
    )
    for command, _, *rest in JUDGING:
        for path in paths:
            yield BadLine(
                command, (f"run={path}", *rest), "run" if not path else "config.yaml", {**good, "in.csv": b"x1\n1\n"}
            )
        yield BadLine(command, ("run=run", *rest), "last.ckpt", {CONFIG: good[CONFIG]})
        yield BadLine(command, ("run=run", *rest), "config.yaml", {CHECKPOINT: good[CHECKPOINT]})
        yield BadLine(command, ("run=run", *rest), "config.yaml", {"run/multirun.yaml": good[CONFIG]})


def about(chance: random.Random, good: dict[str, bytes], config: bytes, culprit: str) -> BadLine:
    """A question about a run folder with this config.yaml."""
    command, *arguments = chance.choice(JUDGING)
    return BadLine(command, tuple(arguments), culprit, {**good, CONFIG: config})


def changed(settings: Any, key: str, value: Any, remove: bool = False) -> bytes:
    """Nested settings, plain or as YAML, with the value at a key set or removed, as YAML."""
    tree = loaded(settings) if isinstance(settings, bytes) else copy.deepcopy(settings)
    *parents, last = key.split(".")
    node = tree
    for parent in parents:
        node = node[parent]
    if remove:
        del node[last]
    else:
        node[last] = value
    return yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True).encode()


def loaded(text: str | bytes) -> Any:
    """YAML as plain values."""
    return yaml.load(text, Loader=yaml.CSafeLoader)
