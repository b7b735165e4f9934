"""The arithmetic of a comparison."""

from descentlab.benchmarks.ratio import Case, figures, measure


def case_of(ours, peer, rounds=7):
    return Case("one", 0.5, "step", ours, peer, rounds)


def test_the_ratio_is_the_median_of_the_ratios_of_neighbours():
    pairs = [(1.0, 10.0), (2.0, 4.0), (9.0, 10.0)]  # 0.1, 0.5, 0.9
    result = figures(case_of(lambda: 1.0, lambda: 1.0), pairs)
    assert (result.ours, result.peer, result.ratio) == (2.0, 10.0, 0.5)


def test_a_ratio_at_its_goal_reaches_it():
    case = case_of(lambda: 1.0, lambda: 1.0)
    assert figures(case, [(1.0, 2.0)]).reached
    assert not figures(case, [(1.1, 2.0)]).reached


def test_both_sides_are_measured_in_turn_after_a_round_that_does_not_count():
    calls = []
    ours = iter([100.0, 1.0, 1.0, 1.0])

    def measure_ours():
        calls.append("ours")
        return next(ours)

    def measure_peer():
        calls.append("peer")
        return 2.0

    result = measure(case_of(measure_ours, measure_peer, rounds=3))
    assert calls == ["ours", "peer"] * 4
    assert result.ours == 1.0
