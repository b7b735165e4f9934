"""A folder of the user's own: searched first by every command, and known to the messages."""

import pytest

from descentlab.errors import InputError
from descentlab.settings.compose import compose
from descentlab.settings.config_folders import VARIABLE, own_folder, search_first, take_config_dir


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    folder = tmp_path / "conf"
    (folder / "optimizer").mkdir(parents=True)
    (folder / "optimizer" / "mine.yaml").write_text("_target_: torch.optim.SGD\nlr: 0.125\n")
    (folder / "optimizer" / "sgd.yaml").write_text("_target_: torch.optim.SGD\nlr: 0.0625\n")
    return folder


@pytest.mark.parametrize("join", ["--config-dir {}", "--config-dir={}", "-cd {}"])
def test_the_flag_is_taken_from_among_the_words(own, join):
    assert take_config_dir(["model=linear", *join.format(own).split(), "seed=3"]) == ["model=linear", "seed=3"]
    assert own_folder() == own


def test_a_choice_of_ones_own_stands_beside_the_packages_and_before_them(own):
    search_first(own)
    assert compose(["optimizer=mine"])["optimizer"]["lr"] == 0.125
    assert compose(["optimizer=sgd"])["optimizer"]["lr"] == 0.0625
    assert compose(["optimizer=adam"])["optimizer"]["lr"] == 0.01


def test_the_folder_may_be_named_in_the_variable_as_seen_from_here(own, monkeypatch):
    monkeypatch.chdir(own.parent)
    monkeypatch.setenv(VARIABLE, own.name)
    assert compose(["optimizer=mine"])["optimizer"]["lr"] == 0.125


@pytest.mark.parametrize("word", ["-m", "--multirun", "-c=job"])
def test_other_flags_are_answered_with_the_command_that_takes_them(word):
    with pytest.raises(InputError, match=rf"^{word}: expected key=value .* a flag of .* python scripts/train.py"):
        compose([word, "model=linear"])


@pytest.mark.parametrize("word", ["--config-dir", "--config-dir=conf", "-cd"])
def test_from_python_the_flag_is_answered_with_the_variable(word):
    with pytest.raises(InputError, match=rf'^{word}: expected key=value .* type os\.environ\["{VARIABLE}"\] = '):
        compose([word, "conf"])


def test_a_slip_is_answered_with_the_choices_of_both_folders(own):
    search_first(own)
    with pytest.raises(InputError, match=r"optimizer=mein: .*did you mean mine\? Valid: .*adam, .*, mine, .*sgd"):
        compose(["optimizer=mein"])


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--config-dir", "nowhere"], "expected a folder of configs, such as conf, got 'nowhere'"), (["-cd"], "got none")],
    ids=["no such folder", "no folder"],
)
def test_a_folder_that_is_not_there_is_refused(own, words, message):
    with pytest.raises(InputError, match=message):
        take_config_dir(words)
    assert own_folder() is None
