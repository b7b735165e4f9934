"""From settings to a run folder: assemble, train, record, judge, predict."""
