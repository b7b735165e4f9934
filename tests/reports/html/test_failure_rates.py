"""How often jobs fail at a learning rate, beside how many of them must."""

from made_up import job, study

from descentlab.reports.html.failure_rates import failure_rates

LIMITS = {1: [0.4, 0.5], 2: [0.04, 0.05]}


def lines(degrees, known=(1, 2)):
    """The lines of the picture over learning rates, by their names, of two draws for each degree; and the note."""
    jobs, limits = [], {}
    for degree in degrees:
        for rate in (0.01, 0.1, 1.0):
            for seed in range(2):
                limit = LIMITS[2 - degree % 2][seed]
                if degree in known:
                    limits[len(jobs)] = limit
                status = "diverged" if rate > limit else "completed"
                values = {"optimizer.lr": rate, "model.degree": degree, "seed": seed}
                jobs.append(job(str(len(jobs)), 1.0, status, **values))
    section = failure_rates(study(jobs), limits)
    traces = section.panels[0].data
    return {trace["name"]: trace for trace in traces if trace["mode"] == "lines"}, section.note


def test_each_model_has_a_line_of_its_own():
    drawn, note = lines((1, 2))
    assert list(drawn) == ["2/λmax below the rate, degree 1", "2/λmax below the rate, degree 2"]
    first, second = (dict(zip(trace["x"], trace["y"], strict=True)) for trace in drawn.values())
    assert (first[0.01], first[0.4], first[0.5], first[1.0]) == (0, 50, 100, 100)
    assert (second[0.01], second[0.04], second[0.05], second[1.0]) == (0, 50, 100, 100)
    assert len({trace["line"]["color"] for trace in drawn.values()}) == 2
    assert "The lines are, for each combination of the other settings, the share of jobs" in note


def test_settings_that_move_no_limit_share_a_line():
    drawn, note = lines((1, 3), known=(1, 3))
    assert list(drawn) == ["2/λmax below the rate"]
    assert "The line is the share of jobs" in note


def test_a_line_that_is_not_known_of_all_says_of_which_it_is():
    assert list(lines((1, 2), known=(2,))[0]) == ["2/λmax below the rate, degree 2"]


def test_of_many_models_no_line_is_drawn():
    drawn, note = lines(range(1, 9), known=range(1, 9))
    assert drawn == {}
    assert "2/λmax" not in note
