"""Draws of a generator as training, validation and test points."""

import pytest
import torch

from descentlab.data.synthetic import SyntheticDataModule, derived_seed
from descentlab.runs.assemble import build_data
from descentlab.settings.compose import compose
from descentlab.settings.config_folders import config_folder
from descentlab.targets import build

LINE = {
    "_target_": "descentlab.generators.line.line",
    "num_samples": 50,
    "noise_std": 0.4,
    "coefficients": [2.5, 4.0],
}
GENERATED = [
    file.stem
    for file in sorted((config_folder() / "data").glob("*.yaml"))
    if "_target_: descentlab.generators." in file.read_text()
]


def test_the_training_points_are_the_generators_draw_of_the_seed():
    points = SyntheticDataModule(LINE, seed=202150754).stages()["train"]
    draw = build(LINE, torch.Generator().manual_seed(202150754))
    assert torch.equal(points.x, draw.x)
    assert torch.equal(points.y, draw.y)


def test_validation_and_test_points_are_other_draws():
    sets = list(SyntheticDataModule(LINE, seed=1).stages().values())
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert not any(torch.equal(sets[a].x, sets[b].x) for a, b in pairs)


def test_validation_and_test_points_follow_the_same_law():
    data = SyntheticDataModule({**LINE, "noise_std": 0.0}, seed=1)
    sets = data.stages()
    assert list(sets) == ["train", "val", "test"]
    for points in sets.values():
        assert torch.equal(points.y, data.truth.law(points.x))


def test_all_three_draws_have_the_noise_of_the_truth():
    data = SyntheticDataModule({**LINE, "num_samples": 20_000}, seed=3)
    for points in data.stages().values():
        left = (points.y - data.truth.law(points.x)).square().mean().item()
        assert left == pytest.approx(data.truth.lowest_mse, rel=5 * (2 / 20_000) ** 0.5)  # five of its own spreads


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_the_same_seed_gives_the_same_points_again(seed):
    first, again = (SyntheticDataModule(LINE, seed=seed).stages() for _ in range(2))
    for stage, points in first.items():
        assert torch.equal(points.x, again[stage].x)
        assert torch.equal(points.y, again[stage].y)


def test_neighbouring_seeds_share_no_validation_or_test_points():
    seeds = [derived_seed(seed, stream) for seed in range(1000) for stream in (1, 2)]
    assert len({*seeds, *range(1000)}) == 3000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_drawing_leaves_the_global_stream_alone():
    before = torch.get_rng_state()
    SyntheticDataModule(LINE, seed=5).setup()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("choice", GENERATED)
def test_every_choice_that_names_a_generator_knows_its_truth(choice):
    settings = compose(["model=linear", f"data={choice}"])["data"]
    data = build_data(settings)
    data.setup()
    assert data.truth is not None
    assert data.truth.noise_std == settings["noise_std"]
    assert data.num_samples == settings["num_samples"]
    assert data.stages()["train"].x.shape[1] == settings["num_features"]


def test_the_size_of_a_draw_is_a_setting():
    data = build_data(compose(["data.num_samples=7", "data.noise_std=0"])["data"])
    assert [len(points.x) for points in data.stages().values()] == [7, 7, 7]
