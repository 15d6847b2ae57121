"""The report of the comparison with lme4, and its page in the documentation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks._lme4_comparison import END, TOLERANCES, UNITS, WORSE, faults

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance" / "beside-lme4.md"
Record = dict[str, Any]
HEAD = """
# Beside lme4

Random tables with random formulas, each fitted by `LinearMixedEffectsModel` and by lme4
1.1-31 (R 4.2.2). The page is written by `python benchmarks/beside_lme4.py --write`.

The tables are balanced, unbalanced or have groups of one row; factors are crossed and
nested. Columns are numbers, whole numbers, `uint8`, categories, ordered categories, a
category with a rare level and one that never occurs, duplicates and sums of other
columns, and columns around a large mean or on a tiny scale. Formulas have products,
powers, functions, polynomials, splines, offsets, `- 1`, `|`, `||` and products within
the bars; some fits have weights. Targets have means up to 1e5 and scales from 1e-8 to
1e6, and variances from zero up. The last tables ask for trouble: groups of one row,
gaps, exact fits, terms named twice, weights of zero.

The best known criterion is the lowest of three optimisers of lme4 (bobyqa, nloptwrap,
Nelder_Mead), a further search from the best of them, and flexcv from several starts.
Where lme4 seems lower, both criteria are computed again from the rows by a
triangularisation, in which nothing is subtracted.
"""
ABOUT_DIFFERENCES = """
lme4 reads everything off at the theta that flexcv found; *own end* compares with the
theta that lme4 found, where the criteria agree to 1e-6. Predictions are for known
groups, for one new group and for several, and for the population
(`re.form = NA`). Where lme4 differs, and numbers from the rows agree with flexcv, its
rounding is left out. Ends are not compared where two sets of effects can make one
covariance. Degrees of freedom are lmerTest's, for small tables.
"""
ABOUT_REFUSALS = """
Messages without their names and numbers; *fits* where the other does not refuse.
"""


def report(records: Sequence[Record]) -> str:
    """Give all tables and, case by case, what is out of tolerance."""
    failing = [r for r in records if faults(r)]
    lines = [f"{r['case']}\n    {'; '.join(faults(r))}" for r in failing]
    refused = [_refusal(r) for r in records if "refused by flexcv" in r]
    alone = [
        f"{r['case']}\n    lme4: {r['refused by lme4']}"
        for r in records
        if "refused by lme4" in r and "refused by flexcv" not in r
    ]
    parts = [
        _counts(records),
        _differences(records),
        _refusals(records),
        "## Refused by flexcv\n\n" + "\n".join(refused),
        "## Refused by lme4 alone\n\n" + "\n".join(alone),
        f"## {len(failing)} cases out of tolerance\n\n" + "\n".join(lines),
    ]
    return "\n\n".join(parts)


def _refusal(record: Record) -> str:
    theirs = record.get("refused by lme4", "fits")
    return f"{record['case']}\n    {record['refused by flexcv']}\n    lme4: {theirs}"


def page(records: Sequence[Record]) -> str:
    """Give the page: what was compared, what differs, what is refused."""
    out = [r for r in records if faults(r)]
    lines = [f"- {r['case']}: {'; '.join(faults(r))}" for r in out]
    exceptions = "\n".join(lines) or "None."
    return (
        "\n\n".join(
            [
                HEAD.strip(),
                _counts(records),
                "## Differences",
                ABOUT_DIFFERENCES.strip(),
                _differences(records),
                "## Out of tolerance",
                exceptions,
                "## Refusals",
                ABOUT_REFUSALS.strip(),
                _refusals(records),
            ]
        )
        + "\n"
    )


def _counts(records: Sequence[Record]) -> str:
    fitted = [r for r in records if "excess" in r]
    rows = [
        ("tables", len(records)),
        ("fitted by both", len(fitted)),
        ("refused by both", sum(_both(r) for r in records)),
        ("refused by flexcv alone", sum(_alone(r, "flexcv", "lme4") for r in records)),
        ("refused by lme4 alone", sum(_alone(r, "lme4", "flexcv") for r in records)),
        (
            f"criterion above the best known by more than {WORSE:g}",
            sum(r["excess"] > WORSE for r in fitted),
        ),
        (
            f"called converged, although the best known is lower by {END:g}",
            sum(r["excess"] > END and r["converged"] for r in fitted),
        ),
        ("called not converged", sum(not r["converged"] for r in fitted)),
        (
            f"best of lme4's searches higher than flexcv by more than {WORSE:g}",
            sum(r["lme4 above"] > WORSE for r in fitted),
        ),
        ("variance of zero or correlation of one", sum(r["singular"] for r in fitted)),
        ("compared at one theta", sum("differences" in r for r in fitted)),
    ]
    missed = Counter(name for r in fitted for name in r["missed"])
    rows += [
        (f"lme4's {k} misses the best known by {WORSE:g}", missed[k])
        for k in ("bobyqa", "nloptwrap", "Nelder_Mead")
    ]
    return table(("", "number"), rows)


def _differences(records: Sequence[Record]) -> str:
    rows = []
    for name, allowed in TOLERANCES.items():
        values = [
            (r["differences"][name], r["seed"])
            for r in records
            if name in r.get("differences", {})
        ]
        if values:
            worst, seed = max(values)
            out = sum(not value <= allowed for value, _ in values)
            rows.append(
                (
                    name,
                    len(values),
                    f"{worst:.1e}",
                    seed,
                    f"{allowed:g}",
                    out,
                    UNITS[name],
                )
            )
    head = ("", "compared", "worst", "seed", "tolerance", "out", "unit")
    return table(head, rows)


def _refusals(records: Sequence[Record]) -> str:
    counted: Counter[tuple[str, str]] = Counter()
    for r in records:
        if "refused by flexcv" in r or "refused by lme4" in r:
            counted[
                tuple(
                    _kind(r.get(f"refused by {n}", "fits")) for n in ("flexcv", "lme4")
                )
            ] += 1
    rows = [(*kinds, number) for kinds, number in counted.most_common()]
    plain = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return table(("flexcv", "lme4", "number"), plain)


def _kind(text: str) -> str:
    """Give a message without the names and numbers of its case."""
    text = re.sub(r"\(number of .*", "", text.replace("\n", " "))
    text = re.sub(r"'[^']*'|`[^`]*`|\[.*?\]", "…", text)
    return re.sub(r"\d+(\.\d+)?(e[-+]?\d+)?", "#", text)


def _both(record: Record) -> bool:
    return "refused by flexcv" in record and "refused by lme4" in record


def _alone(record: Record, one: str, other: str) -> bool:
    return f"refused by {one}" in record and f"refused by {other}" not in record


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Give a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
