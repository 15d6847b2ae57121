"""Write one section of docs/performance/execution.md; the others stay."""

import os
import platform
import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "performance" / "execution.md"
ORDER = ("before", "overhead", "parallel", "scale", "memory", "pruning")
HEAD = """# What execution costs

Each section is written by its script in `benchmarks/` with `--write`. The machine is
shared and noisy, so times are CPU seconds unless wall-clock time is named, and
medians where a number is repeated; trust ratios within a section, not sums across.
"""


def machine():
    """Return what the numbers were measured on."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}"
    )


def table(head, rows):
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def report(name, text, write):
    """Print a section, and put it into the page when asked."""
    text = f"{text}\n\nMeasured with `benchmarks/{name}.py` on {machine()}."
    print(text)
    if not write:
        return
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    found = dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", old, re.DOTALL))
    found[name] = text
    sections = [
        f"<!-- {key} -->\n{found[key]}\n<!-- end -->" for key in ORDER if key in found
    ]
    PAGE.write_text("\n\n".join([HEAD.rstrip(), *sections]) + "\n", encoding="utf-8")
