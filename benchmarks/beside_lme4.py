"""Random tables and formulas fitted by flexcv and by lme4, and all that may differ.

Each seed draws one table and one formula. flexcv fits it, and searches from other
starts, too; R fits it with three of lme4's optimisers, goes on from the best end and
from flexcv's, and reads everything off at flexcv's theta as well as at its own end.
Needs R with lme4, lmerTest and jsonlite; nothing else does.

    python benchmarks/beside_lme4.py --odd 90 --keep records.jsonl --write
    python benchmarks/beside_lme4.py --first 137 --tables 1
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._lme4_comparison import comparison, faults
from benchmarks._lme4_fits import lme4, ours
from benchmarks._lme4_odd_draws import FIRST_ODD, any_case_of
from benchmarks._lme4_page import PAGE, page, report

CHUNK = 25  # tables that one process of R fits


def main() -> int:
    """Fit, compare and print; the exit status tells of faults."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--tables", type=int, default=500)
    asked.add_argument("--odd", type=int, default=0, help="tables that ask for trouble")
    asked.add_argument("--first", type=int, default=0, help="the first seed")
    asked.add_argument("--keep", type=Path, help="a file of records, to go on from")
    asked.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    settings = asked.parse_args()
    seeds = [*range(settings.first, settings.first + settings.tables)]
    seeds += [FIRST_ODD + k for k in range(settings.odd)]
    records = _records(seeds, settings.keep)
    print(report(records))
    if settings.write:
        PAGE.write_text(page(records))
    return int(any(faults(record) for record in records))


def _records(seeds: Sequence[int], path: Path | None) -> list[dict[str, Any]]:
    """Compare in chunks, each written down when it is finished."""
    known: dict[int, dict[str, Any]] = {}
    if path is not None and path.exists():
        lines = path.read_text().splitlines()
        known = {record["seed"]: record for record in map(json.loads, lines)}
    missing = [seed for seed in seeds if seed not in known]
    for start in range(0, len(missing), CHUNK):
        found = compared(missing[start : start + CHUNK])
        known |= {record["seed"]: record for record in found}
        print(f"{start + len(found)} of {len(missing)} tables", file=sys.stderr)
        if path is not None:
            with path.open("a") as file:
                file.writelines(json.dumps(record) + "\n" for record in found)
    return [known[seed] for seed in seeds]


def compared(seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Fit one chunk by both and compare."""
    cases = [any_case_of(seed) for seed in seeds]
    models, here = zip(*(ours(case) for case in cases), strict=True)
    there = lme4(cases, here)
    return [comparison(*four) for four in zip(cases, models, here, there, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
