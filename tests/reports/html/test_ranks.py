"""Where the jobs end: each at its place among all, whichever of them are drawn."""

from made_up import job, study

from descentlab.reports.html.ranks import ranks


def test_of_many_jobs_those_that_are_drawn_stand_at_their_places_among_all():
    jobs = [job(str(k), loss) for k, loss in enumerate([0.5, 0.1, 0.4, 0.2, 0.3])]
    section = ranks(study(jobs), [0, 1, 3], most=1.0)
    drawn, _ = section.panels[0].data
    assert dict(zip(drawn["customdata"], drawn["x"], strict=True)) == {0: 5, 1: 1, 2: 2}
    assert "3 of 5 jobs are drawn, of all ranks." in section.note


def test_where_all_jobs_are_drawn_their_number_goes_without_saying():
    section = ranks(study([job(str(k), 0.1 + k) for k in range(3)]), [0, 1, 2], most=10.0)
    assert "drawn" not in section.note
