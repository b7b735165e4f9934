"""The page: one HTML file that holds its data, its styles and the plotting library, and asks for nothing.

Plotly is the library: it is well kept, ships its JavaScript in a wheel, draws by SVG (so the page prints),
and hovers, zooms and selects on computers and phones. Its 4.8 MB are most of the file. The figures are
written as plain values, so that of the Python package nothing but that file is read.
"""

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from plotly.offline import get_plotlyjs

from descentlab.processes import as_called
from descentlab.reports.histories import Histories
from descentlab.reports.html.chart import Section, label, number, percent
from descentlab.reports.html.tables import folder_link, jobs_html, summary_html
from descentlab.reports.study import Job, Study, names_apart

_HERE = Path(__file__).parent


def page(
    study: Study,
    sentences: Sequence[str],
    sections: Sequence[Section],
    histories: Histories,
    shown: Sequence[int],
    beside: Path,
) -> str:
    """The text of the file.

    Args:
        study: what is reported.
        sentences: the headlines, the first of them the answer.
        sections: the pictures.
        histories: of all jobs.
        shown: the jobs that are listed one by one.
        beside: the folder of the file, to which links are relative.
    """
    scripts = [get_plotlyjs(), (_HERE / "report.js").read_text(encoding="utf-8")]
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    policy = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
    parts = [_section_html(section) for section in sections]
    is_many = len(study.jobs) > 1
    links = [*((s.key, s.title) for s in sections), *([("summary", "Summary"), ("jobs", "Jobs")] if is_many else [])]
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(study.name)} · descentlab</title>",
            f"<style>{(_HERE / 'report.css').read_text(encoding='utf-8')}</style></head><body>",
            _header_html(study, sentences, links, beside),
            "<main>",
            *parts,
            _tables_html(study, shown, beside) if is_many else "",
            "</main>",
            '<div id="selection" hidden><span></span><button type="button">let go</button></div>',
            f'<script type="application/json" id="data">{_json(_payload(study, sections, histories, shown, beside))}',
            "</script>",
            *(f"<script>{script}</script>" for script in scripts),
            "</body></html>\n",
        ]
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _header_html(study: Study, sentences: Sequence[str], links: Sequence[tuple[str, str]], beside: Path) -> str:
    failures = sum(job.has_failed for job in study.jobs)
    count = len(study.jobs)
    finite = [job.loss for job in study.jobs if job.status == "completed" and job.loss == job.loss]
    tiles = [("jobs", str(count)), ("failed", f"{failures}"), ("failure rate", percent(failures / count))]
    if count == 1:
        tiles = [(name, number(value)) for name, value in study.jobs[0].metrics.items()]
    elif finite:
        tiles.append((f"lowest {study.loss_name}", number(min(finite))))
    tiles_html = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in tiles)
    first, *rest = sentences
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in rest)
    nav = "".join(f'<a href="#{key}">{escape(title)}</a>' for key, title in links)
    return (
        f'<header><p class="kicker">descentlab report</p><h1>{escape(study.name)}</h1>'
        f'<p class="answer">{escape(first)}</p>{f"<ul>{items}</ul>" if items else ""}'
        f'<dl class="tiles">{tiles_html}</dl>{_origin_html(study, beside)}<nav>{nav}</nav></header>'
    )


def _origin_html(study: Study, beside: Path) -> str:
    """What was run: the commands that repeat it, the folders, versions and machine."""
    commands = "".join(f"<pre>{escape(command)}</pre>" for command in study.commands)
    folders = ", ".join(
        f'<a href="{escape(folder_link(folder, beside))}">{escape(name)}</a>'
        for folder, name in zip(study.folders, names_apart(study.folders), strict=True)
    )
    made = " · ".join(f"{escape(name)} {escape(value)}" for name, value in study.made_with.items())
    repeat = f"<p>To repeat it:</p>{commands}" if commands else ""
    return f'<section class="origin">{repeat}<p>Folder: {folders}</p><p>{made}</p></section>'


def _section_html(section: Section) -> str:
    panels = "".join(
        f"<figure>{f'<figcaption>{escape(panel.title)}</figcaption>' if panel.title else ''}"
        f'<div class="plot" style="height:{panel.height}px"></div></figure>'
        for panel in section.panels
    )
    switch = '<button type="button" class="switch" data-steps>logarithmic steps</button>'
    return (
        f'<section id="{section.key}"><h2>{escape(section.title)}</h2><p>{escape(section.note)}</p>'
        f"{switch if section.key == 'losses' else ''}"
        f'<p class="legend"></p><div class="panels" style="--columns:{section.columns}">{panels}</div></section>'
    )


def _tables_html(study: Study, shown: Sequence[int], beside: Path) -> str:
    part = "" if len(shown) == len(study.jobs) else f" {len(shown)} of {len(study.jobs)} are listed, of all ranks."
    without = next((folder for folder in study.folders if not all(map(_has_folder, _jobs_in(study, folder)))), None)
    if without is not None:
        command = f"{as_called('python scripts/extract.py')} {shlex.join([f'sweep={without}', 'job=…'])}"
        part += f" <code>{escape(command)}</code> makes the folder of a job that has none."
    return (
        '<section id="summary"><h2>Summary</h2>'
        "<p>A row for each combination of settings, over its seeds and folds; a heading sorts.</p>"
        f'{summary_html(study)}</section><section id="jobs"><h2>Jobs</h2>'
        "<p>The number leads to the job's folder, a click elsewhere in a row selects the job."
        f"{part}</p>{jobs_html(study, shown, beside)}</section>"
    )


def _jobs_in(study: Study, folder: Path) -> list[Job]:
    """The jobs of a sweep that ended; none of a run."""
    return [job for job in study.jobs if job.folder.parent == folder and job.num_steps is not None]


def _has_folder(job: Job) -> bool:
    return job.folder.is_dir()


def _payload(
    study: Study, sections: Sequence[Section], histories: Histories, shown: Sequence[int], beside: Path
) -> dict[str, Any]:
    jobs = []
    for k in shown:
        job = study.jobs[k]
        settings = study.title_of(job)
        title = label(f"job {job.label}") + (f"<br>{label(settings)}" if settings else "")
        jobs.append({"label": job.label, "title": title, "folder": folder_link(job.folder, beside)})
    curves = histories.losses[list(shown)].astype("<f4")
    return {
        "jobs": jobs,
        "steps": histories.steps.tolist(),
        "curves": base64.b64encode(np.ascontiguousarray(curves).tobytes()).decode(),
        "sections": [
            {
                "key": section.key,
                "sharesAxes": section.shares_axes,
                "panels": [{"data": p.data, "layout": p.layout, "curves": p.curves} for p in section.panels],
            }
            for section in sections
        ],
    }
