"""A report as an HTML page: one file that loads no other files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from extauth.harness.page.plots import latency_histogram, latency_over_time, replies_over_time
from extauth.harness.statistics import Statistics
from extauth.harness.tables import ReportTable

_STYLE = """
:root { color-scheme: light dark; --text: #1c2430; --soft: #5d6878; --rule: #dde2e9; --page: #fff; --panel: #f6f8fa;
  --a: #1f6feb; --b: #c2570c; --mark: #b42318; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e9f0; --soft: #9aa6b6; --rule: #343d4a; --page: #12161c;
  --panel: #1a2029; --a: #6cabff; --b: #f0a04b; --mark: #ff8a7a; } }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 54rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 1.25rem; font-size: 1.5rem; }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 0; padding: .9rem 1.1rem;
  background: var(--panel); border-radius: 6px; }
dt, figcaption, thead th { color: var(--soft); }
dd { margin: 0; }
dd span { display: inline-block; max-width: 100%; overflow-wrap: anywhere; }
code, pre { font: 13px/1.5 ui-monospace, monospace; }
table { border-collapse: collapse; }
th, td { padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid var(--rule); text-align: right;
  font-variant-numeric: tabular-nums; }
th:first-child { text-align: left; font-weight: normal; }
figure { margin: 0; }
.scroll { overflow-x: auto; }
figcaption i { display: inline-block; width: 1.1em; height: .7em; margin: 0 .3em 0 .9em; border-radius: 2px; }
figcaption i.a { background: var(--a); }
figcaption i.b { background: var(--b); }
pre { margin: 0; padding: .9rem 1.1rem; background: var(--panel); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
svg { display: block; width: 100%; min-width: 40rem; height: auto; margin-top: .4rem; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
svg .axis { fill: none; stroke: var(--soft); }
svg .grid { stroke: var(--rule); }
svg .line, svg .thin { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .thin { stroke-width: 1; stroke-dasharray: 4 2; }
svg .a { stroke: var(--a); }
svg .b { stroke: var(--b); }
svg .dot { stroke: none; opacity: .55; }
svg .dot.a, svg .area.a { fill: var(--a); }
svg .dot.b, svg .area.b { fill: var(--b); }
svg .area { fill-opacity: .3; stroke-width: 1.2; }
@media (max-width: 30rem) { body { padding: 1rem .75rem 2rem; } dl { grid-template-columns: 1fr; }
  dt { margin-top: .4rem; } th, td { padding-right: .75rem; } }
svg line.mark { stroke: var(--mark); stroke-dasharray: 2 3; }
svg text.mark { fill: var(--mark); }
"""


@dataclass(frozen=True)
class HtmlReport:
    """The contents of a page. All texts are masked, so they hold no password."""

    title: str
    facts: Mapping[str, str]
    """The program, the options, the versions."""
    table: ReportTable
    series: Mapping[str, Statistics]
    """One or two series for the plots, by name."""
    remarks: Sequence[str]
    """Violations, and how the program ended."""


def render(report: HtmlReport) -> str:
    """Return the whole page."""
    title = escape(report.title)
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>",
            *_facts(report),
            "<h2>Figures</h2>",
            *_table(report.table),
            *_plots(report),
            "<h2>Remarks</h2>",
            f"<pre>{escape(chr(10).join(report.remarks))}</pre>",
            "</body>\n</html>\n",
        ]
    )


def _facts(report: HtmlReport) -> Iterator[str]:
    yield "<dl>"
    for name, text in report.facts.items():
        words = " ".join(f"<span>{escape(word)}</span>" for word in text.split(" "))
        yield f"<dt>{escape(name)}</dt><dd><code>{words}</code></dd>"
    yield "</dl>"


def _table(table: ReportTable) -> Iterator[str]:
    yield '<div class="scroll"><table>'
    if any(table.columns):
        yield f"<thead><tr><th></th>{''.join(f'<th>{escape(name)}</th>' for name in table.columns)}</tr></thead>"
    yield "<tbody>"
    for name, *cells in table.rows:
        yield f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    yield "</tbody>\n</table></div>"


def _plots(report: HtmlReport) -> Iterator[str]:
    drawn = {name: statistics for name, statistics in report.series.items() if statistics.replies}
    if not drawn:
        return
    legend = "".join(f'<i class="{style}"></i>{escape(name)}' for style, name in zip("ab", drawn, strict=False))
    legend = legend if len(drawn) > 1 else ""
    series = list(drawn.values())
    for title, caption, plot in (
        ("Latency over time", "line: median, dashes: 99th percentile, dots: longest", latency_over_time),
        ("Replies over time", "per second", replies_over_time),
        ("Histogram of the latency", "number of replies by latency", latency_histogram),
    ):
        yield f"<h2>{title}</h2>\n<figure><figcaption>{caption}{legend}</figcaption>"
        yield f'<div class="scroll">{plot(series)}</div></figure>'
