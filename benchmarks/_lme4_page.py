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
    return "\n\n".join([_counts(records), _differences(records), _refusals(records)])


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
    return table(("flexcv", "lme4", "number"), rows)


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
