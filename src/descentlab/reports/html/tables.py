"""The tables of the report: the summary over settings, and the jobs, each with a link to its folder."""

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from descentlab.functional.intervals import wilson_interval
from descentlab.reports.html.chart import number, percent
from descentlab.reports.html.order import median_of, summary_rank
from descentlab.reports.names import short_name
from descentlab.reports.study import Job, Study

_MOST_COEFFICIENTS = 8


def summary_html(study: Study) -> str:
    """A row for each combination of the swept settings, the best first: jobs, failures, median metrics."""
    metrics = _metrics(study)
    names = [short_name(key, study.varied) for key in study.swept]
    header = [*names, "jobs", "failed", "rate", "95 % interval", *(f"{metric} median" for metric in metrics)]
    ranked = []
    for values, jobs in study.grouped(study.swept).items():
        count, failures = len(jobs), sum(job.has_failed for job in jobs)
        low, high = wilson_interval(failures, count)
        middles = [median_of(jobs, metric) for metric in metrics]
        cells = [
            *(_cell(value) for value in values),
            _cell(count),
            _cell(failures),
            _cell(failures / count, percent(failures / count)),
            _cell(low, f"{percent(low)} to {percent(high)}"),
            *(_cell(middle) for middle in middles),
        ]
        ranked.append((summary_rank(study, jobs), "".join(cells)))
    ranked.sort(key=lambda entry: entry[0])
    return _table("summary", header, [f"<tr>{cells}</tr>" for _, cells in ranked])


def jobs_html(study: Study, shown: Sequence[int], beside: Path) -> str:
    """A row for each job shown, with a link to its folder relative to the folder `beside`."""
    metrics = _metrics(study)
    jobs = [study.jobs[k] for k in shown]
    coefficients = [*dict.fromkeys(name for job in jobs for name in job.coefficients)]
    coefficients = coefficients if len(coefficients) <= _MOST_COEFFICIENTS else []
    names = [short_name(key, study.varied) for key in study.varied]
    header = ["job", "status", *names, "updates", *metrics, *coefficients]
    rows = []
    for place, job in enumerate(jobs):
        mark = ' class="failed"' if job.has_failed else ""
        status = "failed" if job.has_failed and job.status == "completed" else job.status
        cells = [
            _link(job, beside),
            _cell(status),
            *(_cell(job.values.get(key)) for key in study.varied),
            _cell(job.num_steps),
            *(_cell(job.metrics.get(metric)) for metric in metrics),
            *(_cell(job.coefficients.get(name)) for name in coefficients),
        ]
        rows.append(f'<tr data-job="{place}"{mark}>{"".join(cells)}</tr>')
    return _table("jobs", header, rows)


def folder_link(folder: Path, beside: Path) -> str:
    """The address of a folder relative to another, quoted."""
    return quote(Path(os.path.relpath(folder.resolve(), beside.resolve())).as_posix()) + "/"


def _link(job: Job, beside: Path) -> str:
    text = escape(job.label)
    value = int(job.label) if job.label.isdigit() else None
    shown = f'<a href="{escape(folder_link(job.folder, beside))}">{text}</a>' if job.folder.is_dir() else text
    return f'<td data-value="{text if value is None else value}">{shown}</td>'


def _metrics(study: Study) -> list[str]:
    return [*dict.fromkeys(name for job in study.jobs for name in job.metrics)]


def _cell(value: Any, text: str | None = None) -> str:
    if value is None:
        return '<td data-value=""></td>'
    shown = number(value) if text is None else text
    return f'<td data-value="{escape(repr(value) if isinstance(value, float) else str(value))}">{escape(shown)}</td>'


def _table(key: str, header: Sequence[str], rows: Sequence[str]) -> str:
    heads = "".join(f'<th scope="col"><button type="button">{escape(name)}</button></th>' for name in header)
    return (
        f'<div class="scroll" tabindex="0"><table id="{key}-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
