"""Leave groups out one by one: folds from one pass beside folds that are refitted.

Prints, of tables of 100 000 rows and five features, the CPU seconds of a whole run with
``add_model(LinearMixedEffectsModel)``, scaling, scores of both parts and results
included, and by how much predictions differ. Refits of 1 000 groups take minutes, so
those of a table's first folds are measured and counted up.

    python benchmarks/left_out_groups.py [--write]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from flexcv import CrossValidation
from flexcv.models import LinearMixedEffectsModel

PAGE = Path(__file__).parents[1] / "docs" / "performance" / "left-out-groups.md"
ROWS, FEATURES, REFITTED = 100_000, 5, 40
DESIGNS = {
    "1 000 groups": (1000, 0, None),
    "100 groups": (100, 0, None),
    "1 000 groups with a random slope": (1000, 0, "x0"),
    "100 groups crossed with 20 others": (100, 20, None),
}


def drawn(n_groups, n_others, slope):
    """Draw features, target and groups."""
    rng = np.random.default_rng(1)
    groups = pd.DataFrame({"group": np.repeat(np.arange(n_groups), ROWS // n_groups)})
    X = pd.DataFrame(
        rng.normal(size=(ROWS, FEATURES)),
        columns=[f"x{number}" for number in range(FEATURES)],
    )
    y = X.sum(axis=1) + rng.normal(size=n_groups)[groups["group"]]
    y += rng.normal(size=ROWS)
    if slope is not None:
        y += 0.5 * rng.normal(size=n_groups)[groups["group"]] * X[slope]
    if n_others:
        groups["other"] = rng.integers(0, n_others, ROWS)
        y += rng.normal(size=n_others)[groups["other"]]
    return X, y.rename("y"), groups


def run(data, slope, split, **settings):
    """Return the CPU seconds of a run, and its predictions of test rows."""
    X, y, groups = data
    cv = CrossValidation().set_data(X, y, groups=groups, slopes=slope)
    cv.set_splits(split).add_model(LinearMixedEffectsModel)
    cv.set_run(progress=False, **settings)
    start = time.process_time()
    folds = cv.perform().get_results().folds
    seconds = time.process_time() - start
    return seconds, [fold.test.predicted for fold in folds]


def measured(name):
    """Return a row of the table."""
    n_groups, n_others, slope = DESIGNS[name]
    data = drawn(n_groups, n_others, slope)
    seconds, found = run(data, slope, "LeaveOneGroupOut")
    codes = data[2]["group"].to_numpy()
    pairs = [
        (np.flatnonzero(codes != group), np.flatnonzero(codes == group))
        for group in range(REFITTED)
    ]
    part, expected = run(data, slope, pairs, keep_estimators=True)
    apart = max(
        float(np.abs(one - other).max())
        for one, other in zip(found[:REFITTED], expected, strict=True)
    )
    refits = part * n_groups / REFITTED
    return f"| {name} | {seconds:.1f} | {refits:.0f} | {apart:.0e} |"


def lines():
    """Yield the table, row by row."""
    yield "| 100 000 rows, 5 features | one pass, CPU s | refits, CPU s | predictions |"
    yield "| --- | --- | --- | --- |"
    yield from map(measured, DESIGNS)


def main():
    """Measure, print the table and, when asked, write it into its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    table = []
    for line in lines():
        print(line, flush=True)
        table.append(line)
    if options.write:
        text = PAGE.read_text(encoding="utf-8")
        before, _, rest = text.partition("| 100 000 rows")
        _, _, after = rest.partition("\n\n")
        PAGE.write_text(f"{before}{chr(10).join(table)}\n\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
