"""A native stack follows the recorded one to its stated tolerance, or says why it does not serve."""

import shutil
from functools import partial

import pytest
import stack_cases
import torch
from engine_cases import LOSSES, Steep, assert_same
from stack_cases import RATES, assert_follows, lone, members, optimizer_state
from torch import nn, optim

from descentlab.engines.c import build
from descentlab.engines.c.lanes import BLOCK
from descentlab.engines.eager import EagerEngine
from descentlab.engines.native_stack import NativeStack

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


pair = partial(stack_cases.pair, NativeStack)


@needs_compiler
@pytest.mark.parametrize(
    ("net", "loss"),
    [*((net, "mse") for net in ("linear", "cubic", "wide")), *(("one_two_one", loss) for loss in LOSSES)],
)
def test_follows_the_recorded_stack_on_each_net_and_loss(net, loss):
    native, recorded = pair(net, "sgd_rates", loss=loss)
    assert native.native_reason is None
    assert_follows(native, recorded)


@needs_compiler
@pytest.mark.parametrize(
    "optimizer", ["sgd_decays", "momenta", "nesterovs", "adam_all", "adamw_all", "rmsprop_all", "adagrad_all"]
)
def test_follows_the_recorded_stack_with_each_optimizer(optimizer):
    native, recorded = pair(optimizer=optimizer)
    assert_follows(native, recorded, pieces=(3, 47))
    for member in range(5):
        ours, theirs = (optimizer_state(stack, member) for stack in (native, recorded))
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-3)


@needs_compiler
@pytest.mark.parametrize(("num_members", "num_threads"), [(1, "1"), (BLOCK, "3"), (3 * BLOCK + 5, "1"), (50, "3")])
def test_serves_any_number_of_members_on_any_number_of_threads(num_members, num_threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", num_threads)
    assert_follows(*pair("wide", "momentum", num_members))


@needs_compiler
def test_each_of_two_blocks_of_members_has_its_own_rates():
    rates = torch.linspace(0.001, 0.03, 2 * BLOCK, dtype=torch.float64)
    assert_follows(*pair(optimizer=(optim.SGD, {"lr": rates}), num_members=2 * BLOCK))


@needs_compiler
def test_a_member_comes_within_a_hundred_thousandth_of_its_lone_run_after_a_thousand_steps():
    native, _ = pair("one_two_one", "sgd_rates")
    nets, points = members("one_two_one")
    losses = native.advance(1000).losses
    for member in (0, 3):
        ours = lone(member, nets, points, nn.MSELoss(), optim.SGD, {"lr": RATES})
        torch.testing.assert_close(losses[:, member], EagerEngine(ours).advance(1000).losses, rtol=1e-5, atol=0)


@needs_compiler
def test_follows_on_a_net_with_two_hidden_layers_and_as_many_units_as_samples():
    def net():
        return nn.Sequential(nn.Linear(1, 50), nn.Tanh(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 1))

    assert_follows(*pair(net, "sgd_rates"))


@needs_compiler
def test_follows_on_a_net_of_500_units():
    def net():
        return nn.Sequential(nn.Linear(1, 500), Steep(2.0), nn.Linear(500, 1))

    assert_follows(*pair(net, (optim.SGD, {"lr": RATES * 0.1})), pieces=(300,))


@needs_compiler
def test_data_may_be_shared_by_all_members():
    assert_follows(*pair("cubic", shared=True))


@needs_compiler
def test_buffers_may_differ_between_members():
    scales = torch.stack([torch.arange(4.0), torch.tensor([0.0, 1.0, 1.0, 2.0])])
    assert_follows(*pair("cubic", "sgd", num_members=2, buffers={"exponents": scales}))


@needs_compiler
@pytest.mark.parametrize(("optimizer", "per_member"), [(optim.SGD, False), (optim.SGD, True), (optim.AdamW, True)])
def test_follows_a_schedule_of_learning_rates(optimizer, per_member):
    decay = 0.99 ** torch.arange(200, dtype=torch.float64)
    schedule = decay[:, None] * RATES if per_member else 0.02 * decay
    assert_follows(*pair(optimizer=(optimizer, {}), schedule=schedule, num_steps=200))


@needs_compiler
@pytest.mark.parametrize("pieces", [[100], [1, 99], [37, 40, 23]])
def test_a_member_stops_at_its_own_step_and_keeps_its_numbers(pieces):
    last = torch.tensor([100, 10, 37, 60, 1])
    native, recorded = pair(optimizer="momenta", num_steps=last)
    assert_follows(native, recorded, pieces)
    assert native.steps.tolist() == last.tolist()


@needs_compiler
@pytest.mark.parametrize("pieces", [[400], [150, 250], [50] * 8])
def test_a_member_that_diverges_stops_as_a_recorded_one_does(pieces):
    rates = torch.tensor([0.02, 3.0, 0.01, 6.0, 1e20], dtype=torch.float64)
    native, recorded = pair("linear", (optim.SGD, {"lr": rates}), num_steps=400)
    for piece in pieces:
        ours, expected = native.advance(piece), recorded.advance(piece)
        assert ours.diverged.tolist() == expected.diverged.tolist()
        assert (ours.num_steps - expected.num_steps).abs().max() <= 1
    assert native.diverged.tolist() == [False, True, False, True, True]
    assert bool(torch.isfinite(native.flat_parameters()).all())


@needs_compiler
def test_a_diverging_member_changes_no_bit_of_its_neighbours():
    stacks = []
    for rate in (0.01, 6.0):
        rates = torch.tensor([0.02, 0.01, rate, 0.03, 0.02], dtype=torch.float64)
        stacks.append(pair("linear", (optim.SGD, {"lr": rates}))[0])
    losses = [stack.advance(400).losses for stack in stacks]
    others = [0, 1, 3, 4]
    assert stacks[1].diverged.tolist() == [False, False, True, False, False]
    assert_same(losses[0][:, others], losses[1][:, others])
    assert_same(stacks[0].flat_parameters()[others], stacks[1].flat_parameters()[others])


@needs_compiler
def test_a_last_update_that_overflows_is_not_kept():
    rates = torch.tensor([0.02, 1e39, 0.01, 0.02, 0.02], dtype=torch.float64)
    native, _ = pair("linear", (optim.SGD, {"lr": rates}), num_steps=1)
    before = native.member(1)
    trace = native.advance(5)
    assert trace.num_steps.tolist() == [1, 0, 1, 1, 1]
    assert_same(native.member(1), before)


@needs_compiler
def test_records_the_parameters_before_the_updates_asked_for():
    last = torch.tensor([9, 9, 4, 9, 9])
    native, recorded = pair(num_steps=last)
    ours, expected = (stack.advance(9, rows=range(1, 9, 2)).parameters for stack in (native, recorded))
    torch.testing.assert_close(ours, expected)
    assert_same(ours[2, 2], ours[3, 2])


@needs_compiler
def test_pieces_give_the_bits_of_one_advance():
    whole, _ = pair("wide", "adam_all")
    parts, _ = pair("wide", "adam_all")
    losses = torch.cat([parts.advance(piece).losses for piece in (1, 30, 69)])
    assert_same(losses, whole.advance(100).losses)
    assert_same(parts.state_dict(), whole.state_dict())


@needs_compiler
def test_a_loaded_state_continues_the_stack():
    first, _ = pair(optimizer="momenta")
    second, _ = pair(optimizer="momenta")
    first.advance(30)
    second.load_state_dict(first.state_dict())
    assert_same(second.advance(70).losses, first.advance(70).losses)


@needs_compiler
def test_building_leaves_the_stack_at_its_start():
    native, recorded = pair(optimizer="adam")
    assert_same(native.state_dict(), recorded.state_dict())


@needs_compiler
def test_one_function_serves_other_seeds_rates_and_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pair("linear", (optim.SGD, {"lr": 0.01}), num_members=3)
    assert len(list((tmp_path / "descentlab").iterdir())) == 1

    def fail(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(build, "_compile", fail)
    assert pair("linear", (optim.SGD, {"lr": torch.rand(40)}), num_members=40)[0].name == "native"


@needs_compiler
def test_a_built_function_that_goes_wrong_is_not_trusted(monkeypatch):
    def build_wrongly(source, is_exact):
        return build.build(source.replace("= 2.0f * ", "= 2.1f * "), is_exact)

    monkeypatch.setattr("descentlab.engines.compiled_stack.build", build_wrongly)
    native, recorded = pair("linear")
    assert native.name == "recorded"
    assert "the native step differs from the recorded one" in native.native_reason
    assert_same(native.advance(20).losses, recorded.advance(20).losses)


def test_leaves_to_the_recorded_stack_what_it_does_not_cover():
    native, recorded = pair("tanh")
    assert native.name == "recorded"
    assert "does not cover aten.silu" in native.native_reason
    assert_same(native.advance(20).losses, recorded.advance(20).losses)


def test_the_recorded_stack_serves_where_there_is_no_compiler(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    native, _ = pair()
    assert native.name == "recorded"
    assert "no C compiler" in native.native_reason
