"""The page docs/performance/merf.md: named sections, each written by one benchmark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance" / "merf.md"
HEAD = """# MERF: speed and accuracy

Every table is written by `benchmarks/merf.py` or `benchmarks/merf_accuracy.py`.
"""
ORDER = (
    "step",
    "fit",
    "refits",
    "memory",
    "variances",
    "intervals",
    "authors",
    "tables",
)


def write_section(name: str, text: str) -> None:
    """Replace one section of the page and leave the others as they are."""
    sections = _sections()
    sections[name] = text.strip()
    shown = [key for key in ORDER if key in sections]
    parts = [HEAD.strip()]
    parts += [f"<!-- {key} -->\n{sections[key]}\n<!-- end -->" for key in shown]
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n\n".join(parts) + "\n")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _sections() -> dict[str, str]:
    if not PAGE.exists():
        return {}
    found = re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", PAGE.read_text(), re.S)
    return dict(found)
