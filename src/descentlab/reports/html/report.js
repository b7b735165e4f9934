"use strict";
(() => {
  const report = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const MOST_CURVES = 100;
  const LETTER = 7; // pixels, of the small font
  const numSteps = report.steps.length;
  const bytes = Uint8Array.from(atob(report.curves), (letter) => letter.charCodeAt(0));
  const curves = new Float32Array(bytes.buffer);
  const plots = [...document.querySelectorAll(".plot")];
  const panels = report.sections.flatMap((section) => section.panels.map((panel) => ({ ...panel, section })));
  panels.forEach((panel, k) => { panel.div = plots[k]; });
  let chosen = new Set();
  let logarithmic = false;
  let busy = false;

  // Colours: names in the data, values from the style sheet.
  const css = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const channels = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  function between(stops, share) {
    const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const k = Math.min(Math.floor(place), stops.length - 2);
    const [low, high] = [channels(stops[k]), channels(stops[k + 1])];
    return `rgb(${low.map((value, c) => Math.round(value + (place - k) * (high[c] - value))).join(",")})`;
  }
  function colour(text) {
    const [name, amount] = text.slice(1).split("/");
    const stops = css(name).split(",");
    if (name === "scale") return between(stops, Number(amount));
    if (stops.length > 1) return stops.map((stop, k) => [k / (stops.length - 1), stop]);
    return amount === undefined ? stops[0] : `rgba(${channels(stops[0]).join(",")},${amount})`;
  }
  function themed(value) {
    if (typeof value === "string") return /^@[a-z]+(\/[\d.]+)?$/.test(value) ? colour(value) : value;
    if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map(themed);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, themed(inner)]));
  }

  const jobAt = (trace, k) => (Array.isArray(trace.customdata) ? trace.customdata[k] : undefined);
  const withTitles = (trace) =>
    trace.customdata && (trace.text || trace.mode === "lines")
      ? { ...trace, text: trace.customdata.map((job, k) => (job === null ? "" : `${report.jobs[job].title}<br>${trace.text ? trace.text[k] : ""}`)) }
      : trace;
  const isPoints = (trace) => trace.mode === "markers" && Array.isArray(trace.customdata);

  function axis(own = {}) {
    const base = { gridcolor: css("line"), linecolor: css("line"), zeroline: false, automargin: true, tickcolor: css("line") };
    const title = own.title ? { ...own.title, standoff: 8 } : undefined;
    return { ...base, ...themed(own), ...(title ? { title } : {}) };
  }
  const plain = (text) => new DOMParser().parseFromString(text, "text/html").body.textContent;
  function shortened(text, most) {
    const letters = plain(text);
    if (letters.length <= most) return text;
    const head = Math.floor((most - 1) / 2);
    const kept = `${letters.slice(0, head)}…${letters.slice(letters.length - (most - 1 - head))}`;
    return kept.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }
  function layoutOf(panel) {
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: css("text") },
      margin: { l: 8, r: 20, t: 8, b: 8 },
      showlegend: false,
      hoverlabel: { bgcolor: css("raised"), bordercolor: css("line"), font: { color: css("text"), size: 13 }, align: "left" },
      newselection: { line: { color: css("text"), width: 1 } },
      activeselection: { opacity: 0.1 },
      ...themed(panel.layout),
      xaxis: axis(panel.layout.xaxis), yaxis: axis(panel.layout.yaxis),
    };
    if (panel.section.key === "losses" && logarithmic) layout.xaxis.type = "log";
    if (panel.section.key === "parallel") {
      const room = panel.div.clientWidth / (panel.layout.xaxis.tickvals.length + 0.2);
      layout.annotations = layout.annotations.map((mark) => ({ ...mark, text: shortened(mark.text, Math.floor((room - 12) / LETTER)) }));
      if (panel.div.clientWidth < 600) layout.xaxis.tickangle = -60;
    }
    return layout;
  }

  // The chosen jobs: their curves and lines are drawn over the others, their points stay bright.
  function overlay(panel) {
    const [x, y, customdata, text] = [[], [], [], []];
    const add = (job, at, value, note) => { x.push(at); y.push(value); customdata.push(job); text.push(note); };
    if (panel.curves.length) {
      const own = new Set(panel.curves);
      [...chosen].filter((job) => own.has(job)).slice(0, MOST_CURVES).forEach((job) => {
        for (let k = 0; k < numSteps; k++) {
          const loss = curves[job * numSteps + k];
          add(job, report.steps[k], loss > 0 ? Math.min(loss, 1e39) : null, report.jobs[job].title);
        }
        add(null, null, null, "");
      });
    } else {
      panel.data.filter((trace) => trace.meta === "parallel").forEach((trace) =>
        trace.x.forEach((at, k) => { if (chosen.has(jobAt(trace, k))) add(jobAt(trace, k), at, trace.y[k], trace.text[k]); else if (x.length && x.at(-1) !== null) add(null, null, null, ""); }));
    }
    const many = chosen.size > 12;
    return {
      x, y, customdata, text, mode: "lines", name: "selected", showlegend: false, connectgaps: false,
      line: { color: `rgba(${channels(css("mark")).join(",")},${many ? 0.35 : 0.9})`, width: many ? 1.2 : 2 },
      hovertemplate: panel.curves.length ? "%{text}<br>loss %{y:.4g}<br>step %{x}<extra></extra>" : "%{text}<extra></extra>",
    };
  }
  function traces(panel) {
    const fade = chosen.size > 0;
    const data = panel.data.map((trace) => {
      const drawn = { type: "scatter", ...themed(withTitles(trace)) };
      if (isPoints(trace)) {
        drawn.selected = { marker: { opacity: 1, size: trace.marker.size + 2 } };
        drawn.unselected = { marker: { opacity: 0.12 } };
        drawn.selectedpoints = fade ? trace.customdata.flatMap((job, k) => (chosen.has(job) ? [k] : [])) : null;
      } else if (trace.meta === "parallel") {
        drawn.opacity = fade ? 0.35 : 1;
        drawn.selected = { marker: { opacity: 1 } };
        drawn.unselected = { marker: { opacity: 1 } };
      }
      return drawn;
    });
    const isLinked = panel.curves.length || panel.data.some((trace) => trace.meta === "parallel");
    return isLinked ? [...data, overlay(panel)] : data;
  }
  const config = { responsive: true, displayModeBar: false };
  const draw = (panel) => Plotly.react(panel.div, traces(panel), panel.shownLayout ?? layoutOf(panel), config);
  function drawLegend(section) {
    const named = new Map();
    section.panels.flatMap((panel) => panel.data).forEach((trace) => { if (trace.name && trace.showlegend !== false) named.set(trace.name, trace); });
    const place = document.querySelector(`#${section.key} .legend`);
    place.replaceChildren(...(named.size < 2 ? [] : [...named].map(([name, trace]) => {
      const [item, swatch] = [document.createElement("span"), document.createElement("i")];
      const isFill = trace.fill !== undefined;
      const isLine = !isFill && trace.mode === "lines";
      swatch.className = isFill ? "fill" : isLine ? `line ${trace.line.dash ?? ""}` : "point";
      swatch.style.color = themed(isFill ? trace.fillcolor : isLine ? trace.line.color : trace.marker.color).replace(/^(rgba\(.*),[\d.]+\)$/, isFill ? "$&" : "$1,1)");
      item.append(swatch, plain(name));
      return item;
    })));
  }
  function drawAll() { report.sections.forEach(drawLegend); panels.forEach((panel) => { panel.shownLayout = layoutOf(panel); draw(panel); }); }

  function choose(jobs, source) {
    busy = true;
    chosen = new Set(jobs);
    const done = panels.map((panel) => {
      if (panel !== source) panel.shownLayout.selections = [];
      return draw(panel);
    });
    Promise.all(done).then(() => { busy = false; });
    rows.forEach((row) => row.classList.toggle("chosen", chosen.has(Number(row.dataset.job))));
    if (source) bringIntoSight(document.querySelector("#jobs-table .chosen"));
    const bar = document.getElementById("selection");
    bar.hidden = chosen.size === 0;
    const first = [...chosen].slice(0, 6).map((job) => {
      const link = document.createElement("a");
      [link.href, link.textContent] = [report.jobs[job].folder, report.jobs[job].label];
      return link;
    });
    const parts = first.flatMap((link, k) => (k ? [", ", link] : [link]));
    bar.querySelector("span").replaceChildren(chosen.size === 1 ? "job " : `${chosen.size} jobs: `, ...parts, chosen.size > 6 ? " …" : "");
  }

  // Within the table's box: scrollIntoView would move the page, too.
  function bringIntoSight(row) {
    const box = row?.closest(".scroll");
    if (!box) return;
    const [own, frame] = [row.getBoundingClientRect(), box.getBoundingClientRect()];
    box.scrollTop += own.top - frame.top - (frame.height - own.height) / 2;
  }

  const rows = [...document.querySelectorAll("#jobs-table tbody tr")];
  rows.forEach((row) => row.addEventListener("click", (event) => {
    if (event.target.closest("a")) return;
    const job = Number(row.dataset.job);
    const others = event.ctrlKey || event.metaKey || event.shiftKey ? [...chosen] : [];
    choose(chosen.has(job) ? others.filter((other) => other !== job) : [...others, job]);
  }));
  document.querySelector("#selection button").addEventListener("click", () => choose([]));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") choose([]); });

  // Tables: a heading sorts, empty cells last.
  document.querySelectorAll("table").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, k) => head.firstElementChild.addEventListener("click", () => {
      const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
      const keyed = [...table.tBodies[0].rows].map((row) => {
        const value = row.cells[k].dataset.value;
        return [value === "" || value === "nan" ? null : value, Number(value), row];
      });
      keyed.sort(([a, x], [b, y]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return way * (Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y);
      });
      table.tBodies[0].append(...keyed.map(([, , row]) => row));
    }));
  });

  document.querySelectorAll("[data-steps]").forEach((button) => button.addEventListener("click", () => {
    logarithmic = !logarithmic;
    button.setAttribute("aria-pressed", String(logarithmic));
    panels.filter((panel) => panel.section.key === "losses").forEach((panel) => { panel.shownLayout = layoutOf(panel); draw(panel); });
  }));

  function shareZoom(panel, change) {
    const ranges = Object.fromEntries(Object.entries(change).filter(([key]) => /^[xy]axis\.(range|autorange)/.test(key)));
    if (busy || !panel.section.sharesAxes || !Object.keys(ranges).length) return;
    busy = true;
    const others = panels.filter((other) => other.section === panel.section && other !== panel);
    Promise.all(others.map((other) => Plotly.relayout(other.div, ranges))).then(() => { busy = false; });
  }

  drawAll();
  panels.forEach((panel) => {
    const jobsOf = (event) => event.points.map((point) => point.customdata).filter((job) => Number.isInteger(job));
    panel.div.on("plotly_click", (event) => { const [job] = jobsOf(event); if (job !== undefined) choose([job], panel); });
    panel.div.on("plotly_selected", (event) => { if (!busy && event) choose(jobsOf(event), panel); });
    panel.div.on("plotly_deselect", () => { if (!busy) choose([]); });
    panel.div.on("plotly_relayout", (change) => shareZoom(panel, change));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => { root.dataset.theme = "light"; drawAll(); });
  addEventListener("afterprint", () => { delete root.dataset.theme; drawAll(); });
  root.dataset.ready = "yes";
})();
