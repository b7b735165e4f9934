"""The report: one self-contained HTML file over a sweep, a run, or several of either."""
