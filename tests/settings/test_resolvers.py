"""The interpolations of the configs."""

import pytest
from omegaconf import OmegaConf

from descentlab.settings.resolvers import register_resolvers


def resolved(text: str, **values):
    register_resolvers()
    return OmegaConf.create({"value": text, **values})


def test_a_unique_id_stays_the_same_within_a_config_and_differs_between_two():
    first, second = resolved("${unique_id:}"), resolved("${unique_id:}")
    assert first.value == first.value
    assert first.value != second.value


def test_a_run_is_named_after_its_experiment_if_it_has_one():
    assert resolved("${run_name:${e},${m}}", e="cubic", m="polynomial").value == "cubic"
    assert resolved("${run_name:${e},${m}}", e=None, m="polynomial").value == "polynomial"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (["lr=1,2", "model=linear"], "given"),
        (["model=linear,polynomial"], "linear-polynomial"),
        (["model=a,b,c,d", "seed=1"], "a-b-c-d"),
        (["model=a,b,c,d,e"], "models"),
        (["model=glob(*)"], "models"),
        (["+experiment=a,b", "model=c,d"], "a-b"),
        (["experiment=cubic", "model=c,d"], "given"),
        (["experiment=null", "model=c,d"], "c-d"),
        (["model=linear,polynomial", "name=mine"], "given"),
    ],
)
def test_a_sweep_is_named_after_what_its_jobs_are_named_after(typed, name):
    assert resolved("${sweep_name:given,${typed}}", typed=typed).value == name


def test_registering_again_changes_nothing():
    config = resolved("${unique_id:}")
    before = config.value
    register_resolvers()
    assert config.value == before
