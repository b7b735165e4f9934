"""The cases can be measured: each builds, and each pair of the step cases runs (in few steps, untimed)."""

import math
import sys
from pathlib import Path

import pytest
import torch

from descentlab.benchmarks import engines, gpu, plain_loops, steps
from descentlab.benchmarks.cases import all_cases, chosen
from descentlab.benchmarks.processes import peak_bytes
from descentlab.benchmarks.ratio import ROUNDS
from descentlab.engines.stack import Stack


def test_every_name_is_there_once_and_every_goal_is_a_ratio():
    cases = all_cases()
    assert len({case.name for case in cases}) == len(cases)
    assert all(case.goal > 0 for case in cases)


def test_medians_are_of_seven_rounds_and_of_fewer_only_where_a_round_trains_a_whole_sweep():
    assert ROUNDS == 7
    fewer = {case.name: case.rounds for case in all_cases() if case.rounds != ROUNDS}
    assert {name for name, rounds in fewer.items() if rounds == 3} == {
        "sweep of 1000 jobs against one run",
        "10000 members on two cores against one",
    }
    assert all(name.startswith("64 jobs stacked against") for name, rounds in fewer.items() if rounds == 1)


def test_a_part_of_a_name_narrows_the_cases():
    assert [case.name for case in chosen("adam")] == ["step, adam", "step, adamw"]


def test_cases_that_take_minutes_are_measured_by_name_alone():
    assert [case.name for case in chosen("")] == [case.name for case in all_cases()]
    assert [case.name for case in chosen("10000 jobs")] == ["10000 jobs against 1000", "10000 jobs, memory"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_nothing_of_a_gpu_is_measured_where_there_is_none():
    assert chosen("gpu step") == []


def test_a_step_of_many_members_is_measured_with_its_floors(monkeypatch):
    for name, value in {"COPIED": 2**16, "WIDTH": 32, "STEPS": 3, "MOST_ACTIVATIONS": 20 * 2 * 4}.items():
        monkeypatch.setattr(gpu, name, value)
    memory, arithmetic = gpu.floor_cases("1-2-1", plain_loops.relu_1_2_1, num_members=10, device="cpu")
    assert memory.ours() > 0
    # A member has 4 parameters of 4 bytes, each read and written, and 20 samples.
    assert memory.peer() == pytest.approx(10 * 4 * 8 / gpu.bytes_a_second("cpu"))
    assert arithmetic.peer() == pytest.approx(10 * 4 * 20 * 6 / gpu.operations_a_second("cpu"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell")
def test_the_memory_is_that_of_a_process_and_its_children():
    child = "import time; held = bytes(range(256)) * 400_000; time.sleep(0.5)"
    parent = (
        f"import subprocess, sys; held = bytes(range(256)) * 400_000; subprocess.run([sys.executable, '-c', {child!r}])"
    )
    assert 2 * 102.4e6 < peak_bytes([sys.executable, "-c", parent]) < 3 * 102.4e6


def test_the_time_of_a_step_is_the_difference_of_a_long_and_a_short_run(monkeypatch):
    monkeypatch.setattr(steps, "seconds_of_run", lambda overrides, num_steps: 5.0 + 0.25 * num_steps)
    assert steps.per_step_of_run([], short=10, long=50) == 0.25


def test_a_run_is_measured_whole():
    assert steps.seconds_of_run(["model=linear", "figures=false"], 3) > 0


@pytest.mark.parametrize(
    "make", [plain_loops.line, plain_loops.relu_1_2_1, plain_loops.Cubic, plain_loops.sigmoid_1_500_1]
)
def test_the_plain_loop_moves_every_parameter(make):
    torch.manual_seed(1)
    net = make()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    plain_loops.descend(net, plain_loops.sgd(0.01)(net), num_steps=2)
    assert not any(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_the_plain_loop_follows_a_schedule():
    rates = []
    optimizer = plain_loops.sgd(0.1)(plain_loops.line())
    optimizer.register_step_post_hook(lambda made, *_: rates.append(made.param_groups[0]["lr"]))
    case = steps.full_batch_case("", 1.0, [], plain_loops.line, lambda net: optimizer, scheduled=True, num_steps=4)
    assert case.peer() > 0
    assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * step / 4)) for step in range(4)])


def test_the_loop_over_a_loader_goes_on_into_the_next_epoch():
    loader = plain_loops.shuffled_batches(num_samples=10, batch_size=4)
    net = plain_loops.line()
    optimizer = plain_loops.sgd(0.1)(net)
    steps_made = []
    optimizer.register_step_post_hook(lambda *_: steps_made.append(1))
    plain_loops.descend_on_batches(net, optimizer, loader, num_steps=7)
    assert len(steps_made) == 7


def test_engines_and_points_in_chunks_are_measured_with_their_peers(monkeypatch):
    monkeypatch.setattr(engines, "MEMBERS", 3)
    monkeypatch.setattr(engines, "STEPS", 4)
    for case in (
        engines.stack_case("stack", 7.0, Stack),
        engines.points_case(1000, chunk_size=100),
        engines.native_case("native", 0.03, plain_loops.relu_1_2_1, lr=0.1, num_steps=4),
    ):
        assert case.ours() > 0
        assert case.peer() > 0
