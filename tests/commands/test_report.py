"""`report.py` as typed."""


def test_a_run_gets_its_report_beside_it(typed):
    trained = typed("train", "experiment=study_hours", "hydra.run.dir=run", "figures=false", "trainer.max_steps=10")
    assert trained.code == 0
    answer = typed("report", "run=run")
    assert (answer.code, answer.out) == (0, "run/report.html\n")


def test_a_sweep_ends_by_naming_the_command_of_its_report(typed, tmp_path):
    swept = typed("train", "-m", "experiment=study_hours_rates", "hydra.sweep.dir=my sweep", "trainer.max_steps=10")
    assert f"report  python scripts/report.py 'sweep={tmp_path / 'my sweep'}'" in swept.out.splitlines()
    answer = typed("report", "sweep=my sweep")
    assert answer.out == "my sweep/report.html\n"
    assert (tmp_path / "my sweep" / "summary").is_dir()


def test_without_tensorboard_a_sweep_leaves_no_events(typed, tmp_path):
    typed("train", "-m", "experiment=study_hours_rates", "hydra.sweep.dir=sweep", "trainer.max_steps=2", "logger=none")
    assert not (tmp_path / "sweep" / "summary").exists()


def test_slips_are_answered_with_what_to_type(typed, tmp_path):
    for arguments, words in (
        (["to=x.html"], "type sweep=<folder> or run=<folder>"),
        (["sweep=gone"], "there is no folder gone"),
        (["run=.,."], "type to=comparison.html"),
        (["run=.", "to=gone/x.html"], "there is no folder gone"),
        (["swep=."], "did you mean sweep?"),
        (["run=."], "there is no such file"),
        (["sweep=."], "has no sweep.csv"),
    ):
        answer = typed("report", *arguments)
        assert answer.code == 2, arguments
        assert words in answer.err
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_the_line_that_installs_it_is_named(typed, monkeypatch):
    monkeypatch.setattr("descentlab.extras.find_spec", lambda name: None)
    assert "pip install 'descentlab[report]'" in typed("report", "run=.").err
