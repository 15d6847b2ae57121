"""One HTML page about runs: curves, pictures, numbers and settings; it loads nothing.

Where the content comes from is not asked. Pages that were uploaded with a run are shown
in frames in which no script runs, and what is no picture or page is shown as text.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from .pictures import STYLE
from .svg import Curve, Panel, picture

# the page may draw what it carries, and that is all
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
MORE_STYLE = (
    "iframe{width:100%;height:30rem;border:1px solid #ddd}"
    "td,th{text-align:left}td.n{text-align:right}details{margin:.4rem 0}"
    "figure{display:inline-block;margin:.4rem}img{max-width:100%}"
    "pre{max-height:30rem;overflow:auto;background:#f6f6f6;padding:.6rem}"
)
FOLD = re.compile(r"^(repeat \d+, )?fold \d+$")
IMAGES = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
}
TABLES = ("csv",)
PAGES = ("html", "htm")
SUMMARY = "summary"  # in the key of a table that is shown unasked
MOST_ROWS = 500  # of a table
LONGEST_TEXT = 200_000  # bytes of a file that are shown


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file that was kept with a run.

    Parameters
    ----------
    key
        A path such as ``"Ridge/fold 0/residuals"``.
    ending
        Without a dot; it decides how the file is shown.
    content
        Its bytes.
    """

    key: str
    ending: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RunContent:
    """What a page shows of one run; all keys are paths with slashes.

    Parameters
    ----------
    title
        The run's name.
    numbers
        Single numbers.
    settings
        Parameters, tags and other single values.
    series
        Points as (step, value).
    lines
        Texts that came one after another.
    files
        Pictures, pages and tables.
    """

    title: str
    numbers: dict[str, float] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, PageFile] = field(default_factory=dict)


def run_page(runs: Sequence[RunContent]) -> str:
    """Return the page about one or several runs.

    Parameters
    ----------
    runs
        In the order of the page.

    Examples
    --------
    >>> page = run_page([RunContent("sleep", {"Ridge/fold 0/test/mse": 0.5})])
    >>> "<h2>Ridge</h2>" in page and "<td class='n'>0.5</td>" in page
    True
    """
    title = escape(", ".join(run.title for run in runs))
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        f"<title>{title}</title><style>{STYLE}{MORE_STYLE}</style></head><body>",
    ]
    for run in runs:
        parts.append(f"<h1>{escape(run.title)}</h1>")
        names = _sections(run)
        for name in ("", *names):
            parts += _section(run, name, names)
    return "\n".join([*parts, "</body></html>\n"])


def _sections(run: RunContent) -> list[str]:
    """Name the models: what has folds or curves below it."""
    found: dict[str, None] = {}
    for key in (*run.series, *run.numbers, *run.settings, *run.files):
        first, _, rest = key.partition("/")
        if rest and (key in run.series or FOLD.match(rest.partition("/")[0])):
            found[first] = None
    return list(found)


def _section(run: RunContent, name: str, names: Sequence[str]) -> Iterator[str]:
    """Show one model, or what belongs to the whole run."""

    def own(entries: Mapping[str, Any]) -> dict[str, Any]:
        return _below(entries, name) if name else _outside(entries, names)

    if name:
        yield f"<h2>{escape(name)}</h2>"
    files = own(run.files)
    yield from _charts(own(run.series))
    yield from _shown(files, IMAGES, _image)
    yield from _numbers(own(run.numbers))
    yield from _shown(files, TABLES, _table)
    yield from _shown(files, PAGES, _frame)
    yield from _settings(own(run.settings))
    for key, lines in own(run.lines).items():
        yield _folded(key, "\n".join(lines))
    kinds = {file.ending.lower() for file in files.values()}
    yield from _shown(files, kinds.difference(IMAGES, TABLES, PAGES), _text)


def _below(entries: Mapping[str, Any], name: str) -> dict[str, Any]:
    start = f"{name}/"
    own = (key for key in entries if key.startswith(start))
    return {key.removeprefix(start): entries[key] for key in own}


def _outside(entries: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    def is_outside(key: str) -> bool:
        first, slash, _ = key.partition("/")
        return not slash or first not in names

    return {key: entries[key] for key in entries if is_outside(key)}


def _charts(series: Mapping[str, Sequence[tuple[float, float]]]) -> Iterator[str]:
    """Draw a chart for each curve; those of several folds share one."""
    together: dict[str, list[tuple[str, Sequence[tuple[float, float]]]]] = {}
    for key, points in series.items():
        rest, fold = _without_fold(key)
        together.setdefault(rest, []).append((fold, points))
    for key, curves in together.items():
        drawn = tuple(
            Curve([x for x, _ in points], [y for _, y in points], "line", number, fold)
            for number, (fold, points) in enumerate(curves)
        )
        panel = Panel("step", key.rpartition("/")[2], drawn)
        yield f"<figure>{picture(key, [panel])}</figure>"


def _numbers(numbers: Mapping[str, float]) -> Iterator[str]:
    """Lay out single numbers: names down, folds across."""
    cells: dict[str, dict[str, float]] = {}
    for key, value in numbers.items():
        rest, fold = _without_fold(key)
        cells.setdefault(rest, {})[fold] = value
    folds = list(dict.fromkeys(fold for row in cells.values() for fold in row))
    if not cells:
        return
    heads = "".join(f"<th>{escape(fold)}</th>" for fold in folds)
    yield f"<table><tr><th></th>{heads}</tr>"
    for key, row in cells.items():
        values = (f"{row[fold]:.6g}" if fold in row else "" for fold in folds)
        line = "".join(f"<td class='n'>{value}</td>" for value in values)
        yield f"<tr><th>{escape(key)}</th>{line}</tr>"
    yield "</table>"


def _settings(settings: Mapping[str, Any]) -> Iterator[str]:
    if not settings:
        return
    rows = (
        f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>"
        for key, value in settings.items()
    )
    table = f"<table>{''.join(rows)}</table>"
    yield f"<details><summary>settings</summary>{table}</details>"


def _shown(
    files: Mapping[str, PageFile],
    kinds: Collection[str],
    show: Callable[[str, PageFile], str],
) -> Iterator[str]:
    for key, file in files.items():
        if file.ending.lower() in kinds:
            yield show(key, file)


def _image(key: str, file: PageFile) -> str:
    """Show a picture as an image, in which no script runs and nothing is loaded."""
    kind = IMAGES[file.ending.lower()]
    content = base64.b64encode(file.content).decode()
    source = f"data:{kind};base64,{content}"
    return f"<figure><img src='{source}' alt='{_attribute(key)}'></figure>"


def _frame(key: str, file: PageFile) -> str:
    """Show a page in a frame without scripts, forms or a way out."""
    page = _attribute(file.content.decode(errors="replace"))
    frame = f"<iframe sandbox title='{_attribute(key)}' srcdoc='{page}'></iframe>"
    return f"<details><summary>{escape(_name(key, file))}</summary>{frame}</details>"


def _table(key: str, file: PageFile) -> str:
    """Show a table, the summary at once and any other when it is asked for."""
    text = file.content[:LONGEST_TEXT].decode(errors="replace")
    rows = list(csv.reader(io.StringIO(text)))[: MOST_ROWS + 1]
    lines = ["".join(f"<td>{_cell(cell)}</td>" for cell in row) for row in rows]
    table = f"<table><tr>{'</tr><tr>'.join(lines)}</tr></table>"
    how = "details open" if SUMMARY in key else "details"
    return f"<{how}><summary>{escape(_name(key, file))}</summary>{table}</details>"


def _cell(text: str) -> str:
    """Round a number as people read it, and leave other texts as they are."""
    with contextlib.suppress(ValueError):
        if "." in text:
            return f"{float(text):.6g}"
    return escape(text)


def _text(key: str, file: PageFile) -> str:
    name = _name(key, file)
    if b"\0" in file.content:
        return f"<p>{escape(name)}: {len(file.content)} bytes</p>"
    shown = file.content[:LONGEST_TEXT].decode(errors="replace")
    rest = len(file.content) - LONGEST_TEXT
    return _folded(name, shown + (f"\n... {rest} bytes more" if rest > 0 else ""))


def _name(key: str, file: PageFile) -> str:
    ending = f".{file.ending}" if file.ending else ""
    return key if key.endswith(ending) else key + ending


def _folded(key: str, text: str) -> str:
    body = f"<pre>{escape(text)}</pre>"
    return f"<details><summary>{escape(key)}</summary>{body}</details>"


def _without_fold(key: str) -> tuple[str, str]:
    """Split a key into what all folds share and the name of the fold.

    Examples
    --------
    >>> _without_fold("fold 0/test/mse"), _without_fold("seconds")
    (('test/mse', 'fold 0'), ('seconds', ''))
    """
    parts = key.split("/")
    folds = [part for part in parts[:-1] if FOLD.match(part)]
    return "/".join(part for part in parts if part not in folds), "".join(folds)


def _attribute(text: str) -> str:
    return escape(text, quote=True)
