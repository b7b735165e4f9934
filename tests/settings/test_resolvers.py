"""The interpolations of the configs."""

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


def test_registering_again_changes_nothing():
    config = resolved("${unique_id:}")
    before = config.value
    register_resolvers()
    assert config.value == before
