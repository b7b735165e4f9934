"""soak.py: kills runs, compares them, and says by its exit code if any differs."""

QUICK = (
    "model=linear",
    "trainer.max_steps=20",
    "logger=none",
    "callbacks=none",
    "callbacks.checkpoint.every=4",
    "callbacks.checkpoint.seconds=0",
)


def test_killed_runs_that_end_alike_are_counted(typed, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = typed("soak", "kills=2", *QUICK)
    assert (answer.code, answer.err) == (0, "")
    kills, runs = (int(answer.out.split()[k]) for k in (0, 2))
    assert kills >= 2
    assert runs >= 1
    assert answer.out.endswith(" 0 of them different from the run without a kill\n")
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_is_lost_with_a_kill_is_found(typed, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("descentlab.engines.batches.ShuffledBatches.load_state_dict", lambda batches, state: None)
    answer = typed("soak", "kills=6", *QUICK, "data.batch_size=10")
    assert answer.code == 1
    assert "history.csv differs" in answer.err
    (kept,) = tmp_path.iterdir()
    assert answer.out.endswith(f"folder  {kept}\n")


def test_the_number_of_kills_is_asked_for(typed):
    answer = typed("soak", "model=linear")
    assert (answer.code, answer.err) == (2, "error: kills: expected a value, got none; type kills=…\n")
