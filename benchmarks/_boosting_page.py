"""The page docs/performance/boosting.md: named sections between words of our own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance" / "boosting.md"


def write_section(name: str, text: str) -> None:
    """Replace one section of the page and leave all else as it is."""
    section = f"<!-- {name} -->\n{text.strip()}\n<!-- end -->"
    page = PAGE.read_text()
    pattern = re.compile(rf"<!-- {name} -->\n.*?<!-- end -->", re.S)
    if not pattern.search(page):
        raise ValueError(f"{PAGE.name} has no section {name!r}; add its two marks.")
    PAGE.write_text(pattern.sub(lambda _: section, page))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
