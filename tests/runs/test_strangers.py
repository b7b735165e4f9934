"""A run folder from a stranger: nothing outside of it is read, and nothing in it is run."""

import shutil

import pytest
import torch

from descentlab.errors import InputError
from descentlab.runs.files import file_of
from descentlab.runs.judge import evaluate
from descentlab.runs.load import load_data, read_checkpoint
from descentlab.runs.resume import resume
from descentlab.runs.train import train
from descentlab.settings.compose import compose, read_settings
from descentlab.settings.extend import extended


@pytest.fixture
def folder(trained, tmp_path):
    run = trained("model=linear", "trainer.max_steps=20", "logger.every=5")
    return shutil.copytree(run.folder, tmp_path / "run")


@pytest.fixture
def table(tmp_path):
    """A run that was trained on a table, which lies beside it."""
    points = tmp_path / "points.csv"
    points.write_text("a,y\n1,2\n2,3\n4,7\n")
    run = tmp_path / "table"
    run.mkdir()
    given = ("data=table", f"data.path={points}", "data.features=[a]", "data.target=y")
    train(compose(["model=linear", *given, "trainer.max_steps=3", "logger=none"]), run)
    return run


@pytest.mark.parametrize("name", ["config.yaml", "checkpoints/last.ckpt", "checkpoints"])
def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path, name):
    shutil.move(folder / name, tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="expected a file inside the run's folder, but a link leads to"):
        evaluate(folder)


@pytest.mark.parametrize(
    "name", ["csv", "figures", "tensorboard", "tensorboard/events.out.tfevents.1", "csv/metrics.csv"]
)
def test_a_run_that_goes_on_writes_through_no_link_out_of_the_folder(folder, tmp_path, name):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(elsewhere)
    result = (folder / "result.json").read_bytes()
    with pytest.raises(InputError, match="expected a file inside the run's folder, but a link leads to"):
        resume(extended(read_settings(folder / "config.yaml"), ["trainer.max_steps=30"]), folder)
    assert not list(elsewhere.iterdir())
    assert (folder / "result.json").read_bytes() == result


def test_a_link_within_the_folder_is_followed(folder):
    shutil.move(folder / "config.yaml", folder / "other.yaml")
    (folder / "config.yaml").symlink_to("other.yaml")
    assert evaluate(folder)["train"]


def test_a_folder_that_is_itself_a_link_is_a_folder(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert evaluate(tmp_path / "link") == evaluate(folder)


@pytest.mark.parametrize("name", ["../points.csv", "/etc/hostname", "a/../../b"])
def test_a_name_that_leads_out_is_refused(folder, name):
    with pytest.raises(InputError, match="expected a file inside the run's folder"):
        file_of(folder, name)


def test_a_table_is_read_from_its_copy_and_never_from_its_path(table, tmp_path):
    assert (tmp_path / "points.csv").is_file()
    (table / "data.csv").unlink()
    with pytest.raises(InputError, match=r"data\.csv: expected the copy of its table that a run keeps"):
        load_data(table)


def test_a_link_in_place_of_the_table_is_not_followed(table, tmp_path):
    (table / "data.csv").unlink()
    (table / "data.csv").symlink_to(tmp_path / "points.csv")
    with pytest.raises(InputError, match="a link leads to"):
        load_data(table)


class TouchesAFile:
    """A pickle of it makes a file when it is loaded without care."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_the_payload_of_the_next_test_would_run(tmp_path):
    torch.save(TouchesAFile(tmp_path / "harmed"), tmp_path / "a.ckpt")
    torch.load(tmp_path / "a.ckpt", weights_only=False).close()
    assert (tmp_path / "harmed").is_file()


@pytest.mark.parametrize("place", ["alone", "beside weights"])
def test_a_checkpoint_with_code_is_refused_with_a_message_and_does_not_run(tmp_path, place):
    harmful = TouchesAFile(tmp_path / "harmed")
    torch.save(harmful if place == "alone" else {"state_dict": {}, "more": harmful}, tmp_path / "a.ckpt")
    with pytest.raises(InputError, match=r"a\.ckpt: expected a checkpoint of plain values, but it .* holds code"):
        read_checkpoint(tmp_path / "a.ckpt")
    assert not (tmp_path / "harmed").exists()
