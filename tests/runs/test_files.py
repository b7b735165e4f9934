"""Files are written whole or not at all, and JSON strictly."""

import json
import math
import os

import pytest
import yaml

from descentlab.runs.files import config_text, strict_json, write_whole


def test_a_file_is_replaced_as_a_whole(tmp_path):
    file = tmp_path / "result.json"
    write_whole(file, "first, and longer")
    write_whole(file, b"second")
    assert file.read_text() == "second"
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    file = tmp_path / "result.json"
    write_whole(file, "old")

    def full_disk(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_whole(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_settings_of_every_kind_come_back_from_their_text():
    odd = {
        "text": {"x y": f"{'l' * 100} m", "two": "lines\n\nof it\n", "null": "yes", "1": " x: #", "é": "\t"},
        "nested": {"list": [{"a": [1, 2], "b": None}, []], "empty": {}, "small": 1e-300},
        "none": {},
        "true": "off",
    }
    assert yaml.safe_load(config_text(odd)) == odd
    assert list(yaml.safe_load(config_text(odd))) == list(odd)


def test_finite_values_come_back_as_they_were():
    values = {"a": 1, "b": [0.1, "text", None, True], "c": {"d": 1e-300}}
    assert json.loads(strict_json(values)) == {**values, "non_finite": []}


def test_values_that_are_not_finite_are_null_and_their_keys_listed():
    text = strict_json({"a": math.nan, "b": {"train/loss": math.inf, "fine": 1.0}, "c": [0.0, -math.inf]})
    found = json.loads(text)
    assert found["a"] is found["b"]["train/loss"] is found["c"][1] is None
    assert found["non_finite"] == ["a", "b.train/loss", "c.1"]
    assert "NaN" not in text
    assert "Infinity" not in text
