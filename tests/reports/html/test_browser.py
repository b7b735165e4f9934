"""The report in a real browser: it draws, it complains of nothing, and selections are linked."""

import csv
import json
import shutil
from collections.abc import Iterator
from math import log10
from pathlib import Path

import pytest
from chromium import Chromium, why_not

from descentlab.reports.html.write import write_report
from descentlab.reports.study import read_study

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as window:
        yield window


@pytest.fixture(scope="module")
def drawn(browser: Chromium, kink_sweep_to_read: Path, tmp_path_factory: pytest.TempPathFactory) -> Chromium:
    to = tmp_path_factory.mktemp("report") / "report.html"
    write_report(read_study([kink_sweep_to_read], []), to)
    browser.open(to.as_uri())
    return browser


@pytest.fixture
def opened(drawn: Chromium) -> Chromium:
    """The report of the kink sweep, drawn, with no job selected."""
    drawn.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    return drawn


def test_it_opens_without_a_complaint_and_draws_every_panel(opened):
    assert opened.run("return document.documentElement.dataset.ready") == "yes"
    assert opened.errors() == []
    assert opened.run("return [...document.querySelectorAll('.plot')].every((p) => p.querySelector('svg.main-svg'))")


def test_it_asks_the_network_for_nothing(opened):
    assert opened.run("return performance.getEntriesByType('resource').length") == 0


def test_its_numbers_are_those_of_sweep_csv(opened, kink_sweep_to_read):
    shown = opened.run(
        "const heads = [...document.querySelectorAll('#jobs-table th')].map((head) => head.textContent);"
        "const at = heads.indexOf('val/loss');"
        "const rows = [...document.querySelectorAll('#jobs-table tbody tr')];"
        "return Object.fromEntries(rows.map((row) => [row.cells[0].textContent, row.cells[at].dataset.value]))"
    )
    with open(kink_sweep_to_read / "sweep.csv", newline="") as file:
        assert shown == {row["job"]: row["val/loss"] for row in csv.DictReader(file)}


def test_a_heading_sorts_by_number_and_once_more_the_other_way(opened):
    script = (
        "const heads = [...document.querySelectorAll('#jobs-table th')];"
        "const at = heads.findIndex((head) => head.textContent === 'train/loss');"
        "heads[at].firstElementChild.click();"
        "const rows = [...document.querySelectorAll('#jobs-table tbody tr')];"
        "return rows.map((row) => Number(row.cells[at].dataset.value))"
    )
    rising = opened.run(script)
    assert rising == sorted(rising)
    assert opened.run(script) == rising[::-1]


def test_a_job_picked_in_the_table_is_picked_everywhere(opened):
    opened.run("document.querySelector('#jobs-table tr[data-job=\"5\"] td:nth-child(2)').click()")
    picked = opened.run(
        "const jobs = (trace) => (trace.selectedpoints ?? []).map((k) => trace.customdata[k]);"
        "const plot = (key) => document.querySelector(`#${key} .plot`);"
        "const curves = [...document.querySelectorAll('#losses .plot')].flatMap((p) => p.data.at(-1).customdata);"
        "return [plot('ranks').data.flatMap(jobs), [...new Set(plot('parallel').data.at(-1).customdata)],"
        " [...new Set(curves)].filter((job) => job !== null), document.querySelector('#selection').textContent]"
    )
    ranks, lines, curves, bar = picked
    assert [job for job in ranks if job is not None] == [5]
    assert [job for job in lines if job is not None] == [5]
    assert curves == [5]
    assert bar.startswith("job 5")
    assert opened.errors() == []


def test_a_point_clicked_marks_its_row_and_escape_lets_go(opened):
    rows = "return [...document.querySelectorAll('tr.chosen')].map((row) => Number(row.dataset.job))"
    opened.run(
        "const plot = document.querySelector('#parallel .plot');"
        "plot.emit('plotly_click', {points: [{customdata: plot.data[0].customdata[0]}]})"
    )
    job = opened.run("return document.querySelector('#parallel .plot').data[0].customdata[0]")
    assert opened.run(rows) == [job]
    opened.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert opened.run(rows) == []


def test_a_point_clicked_brings_its_row_into_sight_and_leaves_the_page_where_it_is(opened):
    inside = (
        "const box = document.querySelector('#jobs .scroll'); box.style.maxHeight = '120px';"
        "const [row, edge] = ['tr.chosen', 'th'].map((one) => box.querySelector(one).getBoundingClientRect());"
        "const frame = box.getBoundingClientRect();"
        "return [row.top >= edge.bottom - 1, row.bottom <= frame.bottom + 1, window.scrollY]"
    )
    opened.run(
        "document.querySelector('#jobs .scroll').style.maxHeight = '120px';"
        "window.scrollTo({top: 300, behavior: 'instant'})"
    )
    for job in (11, 0):
        opened.run(f"document.querySelector('#ranks .plot').emit('plotly_click', {{points: [{{customdata: {job}}}]}})")
        assert opened.run(inside) == [True, True, 300]


@pytest.mark.parametrize(
    ("scheme", "colours"), [("dark", ["rgb(232, 234, 237)", "#e8eaed"]), ("light", ["rgb(27, 31, 36)", "#1b1f24"])]
)
def test_the_pictures_follow_the_system_into_the_dark_and_back(opened, scheme, colours):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    opened.devtools("Emulation.setEmulatedMedia", media="screen", features=[feature])
    seen = "return [getComputedStyle(document.body).color, document.querySelector('.plot').layout.font.color]"
    opened.wait_until(f"return JSON.stringify((() => {{{seen}}})()) === '{json.dumps(colours, separators=(',', ':'))}'")


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_window(opened, width):
    opened.devtools(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
    )
    assert opened.run("return document.documentElement.scrollWidth <= window.innerWidth")
    opened.devtools("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize(("low", "high"), [(0.21, 0.24), (0.12, 3.0), (0.1, 300.0), (1e-9, 1e3), (1e-16, 1e30)])
def test_a_logarithmic_axis_has_whole_numbers_at_its_ticks(opened, low, high):
    opened.run(
        f"Plotly.relayout(document.querySelector('#ranks .plot'), {{'yaxis.range': {[log10(low), log10(high)]}}})"
    )
    texts = opened.run("return [...document.querySelectorAll('#ranks .ytick text')].map((tick) => tick.textContent)")
    values = [float(text.replace("\u2212", "-")) for text in texts]
    assert 3 <= len(values) <= 16
    assert values == sorted(set(values))
    assert low <= values[0] < values[-1] <= high


@pytest.mark.parametrize("width", [400, 1400])
def test_long_names_of_folders_and_axes_are_seen_whole_and_overprint_nothing(browser, cubic_sweep, width):
    folders = [cubic_sweep.parent / f"2026-11-22_06-33-00-8f16dbd{k}" for k in (1, 2)]
    for folder in folders:
        shutil.copytree(cubic_sweep, folder)
    write_report(read_study(folders, []), cubic_sweep / "comparison.html")
    browser.devtools(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
    )
    browser.open((cubic_sweep / "comparison.html").as_uri())
    outside = browser.run(
        "return [...document.querySelectorAll('.plot')].flatMap((plot) => {"
        "  const frame = plot.getBoundingClientRect();"
        "  return [...plot.querySelectorAll('.xtick text, .ytick text, .xtitle, .ytitle')].filter((text) => {"
        "    const own = text.getBoundingClientRect();"
        "    return own.left < frame.left - 1 || own.right > frame.right + 1 || own.bottom > frame.bottom + 1;"
        "  }).map((text) => text.textContent)})"
    )
    apart, widest = browser.run(
        "const plot = document.querySelector('#parallel .plot');"
        "const marks = [...plot.querySelectorAll('.annotation')].map((mark) => mark.getBoundingClientRect().width);"
        "return [plot._fullLayout.xaxis.l2p(1) - plot._fullLayout.xaxis.l2p(0), Math.max(...marks)]"
    )
    browser.devtools("Emulation.clearDeviceMetricsOverride")
    assert outside == []
    assert widest < apart


def test_the_legend_has_the_colours_of_the_lines(browser, kink_sweep):
    runs = [kink_sweep / str(k) for k in (0, 3, 7)]
    write_report(read_study([], runs), kink_sweep / "runs.html")
    browser.open((kink_sweep / "runs.html").as_uri())
    legend, lines = browser.run(
        "return [[...document.querySelectorAll('#losses .legend i')].map((swatch) => swatch.style.color),"
        " document.querySelector('#losses .plot').data.filter((trace) => trace.name.startsWith('folder'))"
        ".map((trace) => trace.line.color)]"
    )
    assert len(set(legend)) == 3
    assert [colour.replace(" ", "") for colour in legend] == lines


def test_a_hostile_name_runs_nothing(browser, kink_sweep):
    ledger = (kink_sweep / "jobs.json").read_text()
    attack = "</script><script>document.title='run'</script><img src=x onerror=document.title='run'>"
    (kink_sweep / "jobs.json").write_text(ledger.replace("kink_two_relu_starts", attack))
    write_report(read_study([kink_sweep], []), kink_sweep / "report.html")
    browser.open((kink_sweep / "report.html").as_uri())
    assert browser.run("return document.title").startswith("</script>")
    assert browser.run("return document.images.length") == 0
    assert browser.errors() == []
