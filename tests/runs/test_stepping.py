"""Whoever makes the steps, the run is the same; where Lightning has to make them, one line says why."""

from typing import Any

import pytest
import torch
from torch import nn

from descentlab.engines.record import CannotRecord
from descentlab.functional.least_squares import least_squares
from descentlab.modules.regression import RegressionModule
from descentlab.runs.assemble import assemble, build_data, build_trainer
from descentlab.runs.chunks import own_training, why_step_by_step
from descentlab.settings.compose import compose
from descentlab.settings.config_folders import config_folder
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.stacked_module import Member
from descentlab.targets import build

STEPS = "trainer.max_steps=20"


def states(run) -> dict[str, Any]:
    return torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def assert_same_run(first, second) -> None:
    assert (first.folder / "history.csv").read_text() == (second.folder / "history.csv").read_text()
    assert first.result["metrics"] == second.result["metrics"]
    assert first.result["num_steps"] == second.result["num_steps"]
    for name, value in states(first).items():
        assert torch.equal(value, states(second)[name])


@pytest.mark.parametrize("engine", ["eager", "lightning"])
def test_every_experiment_is_the_same_run_by_another_engine(trained, any_experiment, engine):
    default = trained(f"experiment={any_experiment}", STEPS)
    assert_same_run(trained(f"experiment={any_experiment}", STEPS, f"trainer.engine={engine}"), default)


MIXTURES = {
    "minibatches": "data.batch_size=7",
    "momentum on minibatches": "optimizer=momentum data.batch_size=33",
    "adam with a schedule": "optimizer=adam scheduler=exponential",
    "schedule over the run": "scheduler=cosine",
    "thinned history": "history.every=4 logger.every=7 callbacks.histograms.every=3",
    "another loss": "loss=mae model.bias=true",
    "several looks at a loss in a step": "experiment=cubic optimizer=lbfgs optimizer.max_iter=2",
}


@pytest.mark.parametrize("overrides", MIXTURES.values(), ids=MIXTURES)
@pytest.mark.parametrize("engine", ["eager", "lightning"])
def test_mixtures_of_settings_are_the_same_run_by_another_engine(trained, engine, overrides):
    default = trained(*overrides.split(), STEPS)
    assert_same_run(trained(*overrides.split(), STEPS, f"trainer.engine={engine}"), default)


def choices(group: str) -> list[str]:
    return sorted(file.stem for file in (config_folder() / group).glob("*.yaml"))


@pytest.mark.parametrize("scheduler", choices("scheduler"))
@pytest.mark.parametrize("optimizer", choices("optimizer"))
def test_every_optimizer_with_every_scheduler_is_the_loop_of_torchs_own(trained, optimizer, scheduler):
    overrides = [f"optimizer={optimizer}", f"scheduler={scheduler}", "model.bias=true", STEPS, "logger=none"]
    if scheduler == "step":
        overrides.append("scheduler.step_size=7")  # else nothing happens in so few steps
    run = trained(*overrides)
    data, module = assemble(run.settings)
    x, y = data.stages()["train"]
    stepper = build(run.settings["optimizer"], module.net.parameters())
    schedule = build(run.settings["scheduler"], stepper)
    losses = []

    def closure():
        stepper.zero_grad()
        loss = module.loss(module.net(x), y)
        loss.backward()
        return loss

    for _ in range(20):
        losses.append(stepper.step(closure).detach())
        if schedule is not None:
            schedule.step()
    assert torch.equal(run.column("train/loss")[:-1], torch.stack(losses))
    for name, value in states(run).items():
        assert torch.equal(value, module.state_dict()[name])


def test_lbfgs_reaches_the_least_squares_error_in_a_few_steps(trained):
    run = trained("experiment=cubic", "optimizer=lbfgs", "trainer.max_steps=5")
    torch.manual_seed(202150754)
    x = torch.randn(100, 1).sort(dim=0).values
    y = 1 + 4 * x + 3 * x**2 - 2 * x**3 + torch.randn(100, 1)
    least = least_squares(torch.cat([x**k for k in range(4)], dim=1), y).mse
    assert run.result["metrics"]["train/loss"] == pytest.approx(least.item(), rel=1e-5)


def test_a_row_of_a_minibatch_run_holds_the_loss_on_the_batch_of_its_update(trained):
    run = trained("model=linear", "data.batch_size=30", "trainer.max_steps=9")
    data, _ = assemble(run.settings)
    for k in range(10):
        x, y = data.batches.next()
        w0, w1 = run.coefficients()[k]
        torch.testing.assert_close(run.column("train/loss")[k], (w0 + w1 * x - y).square().mean())


def test_a_batch_size_of_all_points_is_the_full_batch(trained):
    full, sized = trained("model=linear", STEPS), trained("model=linear", STEPS, "data.batch_size=100")
    assert (full.folder / "history.csv").read_text() == (sized.folder / "history.csv").read_text()


CLIPPED = ("experiment=cubic", "trainer.gradient_clip_val=0.5", STEPS, "logger=none", "callbacks=none")


def test_a_clipped_gradient_has_the_norm_it_is_clipped_to(trained):
    clipped, free = trained(*CLIPPED), trained("experiment=cubic", STEPS)
    first_step = (free.coefficients()[1] - free.coefficients()[0]) / 0.01
    assert first_step.norm() > 0.5  # else the test would show nothing
    steps = clipped.coefficients().diff(dim=0) / 0.01
    assert steps.norm(dim=1).tolist() == pytest.approx([0.5] * 20, rel=1e-3)  # rounded where they are added
    torch.testing.assert_close(steps[0] / 0.5, first_step / first_step.norm(), rtol=1e-3, atol=1e-3)


def test_clipping_is_left_to_lightning_with_one_line_that_says_so(train_with, tmp_path, capsys):
    run = train_with(tmp_path, [], *CLIPPED)
    assert capsys.readouterr().err == "Lightning makes each step itself: trainer.gradient_clip_val is set\n"
    assert run.result["engine"] == "lightning"


def test_steps_that_cannot_be_recorded_are_made_by_torch_with_one_line_that_says_so(train_with, tmp_path, capsys):
    run = train_with(tmp_path, [], "model=linear", "optimizer=lbfgs", STEPS, "logger=none")
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("the eager engine performs the steps: they cannot be recorded, for ")
    assert run.result["engine"] == "eager"


def test_a_callback_that_wants_every_batch_gets_it_with_one_line_that_says_so(train_with, tmp_path, capsys):
    from lightning.pytorch import Callback

    class EveryBatch(Callback):
        seen = 0

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
            self.seen += 1
            assert len(batch) == 2
            assert trainer.global_step == self.seen

    looking = EveryBatch()
    run = train_with(tmp_path, [looking], "model=linear", STEPS, "logger=none")
    assert looking.seen == 20
    reason = "Lightning makes each step itself: the callback EveryBatch looks at every batch\n"
    assert capsys.readouterr().err == reason
    assert run.result["engine"] == "lightning"


def test_a_callback_of_lightnings_own_runs_from_the_config(train_with, tmp_path, capsys):
    rates = ["+callbacks.rates._target_=lightning.pytorch.callbacks.LearningRateMonitor"]
    run = train_with(tmp_path, [], "model=linear", STEPS, *rates)
    assert run.result["status"] == "completed"
    assert "LearningRateMonitor looks at every batch" in capsys.readouterr().err


def test_a_callback_that_only_watches_the_ends_costs_no_engine(train_with, tmp_path, capsys):
    from lightning.pytorch import Callback

    class Ends(Callback):
        seen: tuple[str, ...] = ()

        def on_train_start(self, trainer, pl_module) -> None:
            self.seen += ("start",)

        def on_train_end(self, trainer, pl_module) -> None:
            self.seen += ("end",)

    watching = Ends()
    run = train_with(tmp_path, [watching], "model=linear", STEPS, "logger=none", "trainer.engine=eager")
    assert watching.seen == ("start", "end")
    assert run.result["engine"] == "eager"
    assert capsys.readouterr().err == ""


DEVICES = {"cuda": None, "mps": "the engines work on the CPU and on CUDA devices, and this run is on mps"}


@pytest.mark.parametrize(("device", "reason"), DEVICES.items())
def test_a_run_on_a_device_without_engines_is_stepped_by_lightning(device, reason, tmp_path, monkeypatch):
    settings = compose([])
    _, module = assemble(settings)
    trainer = build_trainer(settings, tmp_path)
    monkeypatch.setattr(type(trainer.strategy), "root_device", torch.device(device))
    assert why_step_by_step(module, trainer, "auto") == reason


@pytest.mark.parametrize("name", ["forward", "on_before_optimizer_step", "on_after_backward", "on_train_batch_end"])
def test_a_module_with_a_step_of_its_own_is_left_to_lightning(name):
    own = type("Own", (RegressionModule,), {name: lambda self, *given: None})
    reason = f"Own has a {name} of its own"
    assert own_training(own(nn.Linear(1, 1), LOSS, OPTIMIZER)) == reason
    assert own_training(RegressionModule(nn.Linear(1, 1), LOSS, OPTIMIZER)) is None


LOSS, OPTIMIZER = {"_target_": "descentlab.functional.losses.mse"}, {"_target_": "torch.optim.SGD", "lr": 0.1}


@pytest.mark.parametrize("name", ["metrics", "columns"])
def test_a_module_with_a_judgement_of_its_own_is_not_stacked(name):
    own = type("Own", (RegressionModule,), {name: lambda self, *given: None})
    data = build_data(compose(["model=linear"])["data"])
    pair = [Member(own(nn.Linear(1, 1), LOSS, OPTIMIZER), data, 3) for _ in range(2)]
    with pytest.raises(CannotRecord, match=f"Own has {name} of its own"):
        fit_stack(pair)
