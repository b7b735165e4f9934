"""How every command begins and ends."""

import sys

import pytest

from descentlab.commands.entry import refuse, run
from descentlab.errors import InputError


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]], ids=["none", "-h", "--help"])
def test_help_is_printed_without_arguments_and_on_demand(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["command.py", *arguments])

    def command(_):
        raise AssertionError("nothing was asked for")

    run(command, "\nhow to call me\n")
    assert capsys.readouterr().out == "how to call me\n"


def test_a_refusal_is_one_line_on_stderr_and_exit_code_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command.py", "a=1"])
    with pytest.raises(SystemExit) as end:
        refuse(InputError("a: expected 2, got 1."))
    assert end.value.code == 2
    assert capsys.readouterr() == ("", "error: a: expected 2, got 1.\n")


def test_an_error_of_ours_is_not_taken_for_bad_input(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command.py", "a=1"])
    monkeypatch.setattr("descentlab.commands.entry.defer", lambda: None)

    def command(_):
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        run(command, "help")
