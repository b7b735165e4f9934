"""What TensorBoard's HParams are given of a run's settings."""

import pytest

from descentlab.runs.hyperparameters import hyperparameters
from descentlab.settings.compose import compose


@pytest.mark.parametrize(
    ("words", "group", "shown"),
    [
        (["data=table", "data.x=[1,2]", "data.y=[1,2]", "model=linear"], "data", "table"),
        (["data=kink"], "data", "kink"),
        (["model=polynomial"], "model", "polynomial"),
        (["optimizer=adamw"], "optimizer", "adamw"),
        (["scheduler=constant"], "scheduler", "constant"),
        (["optimizer=sgd"], "optimizer", "sgd"),  # which has its target in common with another choice
        (["scheduler._target_=torch.optim.lr_scheduler.LinearLR"], "scheduler", "LinearLR"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_group_is_shown_by_the_choice_that_is_typed(words, group, shown):
    assert hyperparameters(compose(words))[group] == shown
