"""The history's text gives back every float32 that was recorded."""

import csv
import io

import numpy as np
import torch
from torch import nn

from descentlab.callbacks.history import Rows
from descentlab.modules.regression import RegressionModule
from descentlab.runs.history_file import history_text

MSE = {"_target_": "descentlab.functional.losses.mse"}


def text_of(losses: torch.Tensor, validation: dict[int, float] | None = None) -> str:
    module = RegressionModule(nn.Linear(1, 1), MSE, {"_target_": "torch.optim.SGD", "lr": 0.1})
    return history_text(module, Rows(list(range(len(losses))), losses, None, None), validation or {})


def column(text: str, name: str) -> list[str]:
    return [row[name] for row in csv.DictReader(io.StringIO(text))]


def test_every_size_of_float32_is_read_back() -> None:
    generator = torch.Generator().manual_seed(1)
    bits = torch.randint(0, 2**31 - 2**23, (20_000,), generator=generator, dtype=torch.int32)  # up to infinity
    losses = bits.view(torch.float32)
    read = np.array(column(text_of(losses), "train/loss"), dtype=np.float32)
    np.testing.assert_array_equal(read, losses.numpy())


def test_what_is_not_finite_is_named() -> None:
    assert column(text_of(torch.tensor([1.0, torch.inf, -torch.inf, torch.nan])), "train/loss") == [
        "1",
        "inf",
        "-inf",
        "nan",
    ]


def test_digits_are_nine_at_most() -> None:
    assert column(text_of(torch.tensor([1 / 3, 123456.789, 0.1, 2.5e-20])), "train/loss") == [
        "0.333333343",
        "123456.789",
        "0.100000001",
        "2.49999992e-20",
    ]


def test_rows_without_a_validation_loss_are_empty_there() -> None:
    text = text_of(torch.tensor([1.0, 2.0, 3.0]), {0: 0.5, 2: float("nan")})
    assert column(text, "val/loss") == ["0.5", "", "nan"]


def test_a_history_may_be_empty() -> None:
    assert text_of(torch.empty(0)) == "step,train/loss\n"
