"""What fits of every family cost beside an earlier commit, in pairs of CPU seconds.

Checks out the commit, then times each fit in both trees in turn, in processes of their
own; the ratio is the median over the pairs. Below 1.03 no fit got slower.

    python benchmarks/fits_before_and_after.py COMMIT [--pairs 5] [NAME ...]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAD = """
import time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from flexcv.merf import MERF
from flexcv.models import *

def table(n, groups, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 5)), columns=list("abcde"))
    X["g"], X["h"] = rng.integers(0, groups, n), rng.integers(0, 12, n)
    effects = rng.normal(size=(groups, 2))[X["g"]]
    eta = X["a"] + effects[:, 0] + 0.5 * effects[:, 1] * X["b"] + np.sin(2 * X["c"])
    return X, eta + rng.normal(size=12)[X["h"]], rng

def timed(n, groups, make, times, kind="normal"):
    X, eta, rng = table(n, groups)
    y = eta + rng.normal(size=n)
    if kind == "binomial":
        y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    if kind == "poisson":
        y = rng.poisson(np.exp(np.clip(0.5 * eta, -4, 4)))
    make().fit(X, y)
    start = time.process_time()
    for _ in range(times):
        make().fit(X, y)
    print((time.process_time() - start) / times)
"""
LMM, GLMM = "LinearMixedEffectsModel", "GeneralizedLinearMixedModel"
PENALISED = "PenalizedLinearMixedModel"
CASES = {
    "linear, intercept, 1e4 rows": f"10_000, 200, lambda: {LMM}(groups='g'), 20",
    "linear, slope, 1e5 rows": f"100_000, 2000, lambda: {LMM}(groups='g', slopes='b'), 5",  # noqa: E501
    "linear, crossed": f"4000, 60, lambda: {LMM}(random='(b | g) + (1 | h)'), 5",
    "linear, crossed, many": f"20_000, 900, lambda: {LMM}(random='(1|g) + (1|h)'), 3",
    "binomial": f"4000, 100, lambda: {GLMM}(groups='g'), 3, 'binomial'",
    "counts, slope": f"4000, 100, lambda: {GLMM}(groups='g', slopes='b', family='poisson'), 2, 'poisson'",  # noqa: E501
    "penalised, alpha by cv": f"1000, 40, lambda: {PENALISED}(groups='g'), 2",
    "boosting": "2000, 60, lambda: MixedEffectsBoosting(groups='g', random_state=0, max_iterations=60), 2",  # noqa: E501
    "boosting, binomial": "2000, 60, lambda: MixedEffectsBoosting(groups='g', family='binomial', random_state=0, max_iterations=40), 1, 'binomial'",  # noqa: E501
    "MERF, ridge": "2000, 60, lambda: MERF(Ridge(), 'g', max_iterations=20, random_state=0), 3",  # noqa: E501
    "MERF, forest": "1000, 40, lambda: MERF(RandomForestRegressor(50), 'g', max_iterations=5, random_state=0), 1",  # noqa: E501
}


def seconds(tree: Path, case: str) -> float:
    """Return the CPU seconds of one fit in a tree."""
    variables = {**os.environ, "PYTHONPATH": str(tree)}
    variables |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    code = f"{HEAD}\ntimed({CASES[case]})"
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, env=variables, capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise RuntimeError(told.stderr[-2000:])
    return float(told.stdout)


def main() -> None:
    """Print a row for each fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        before = Path(place) / "before"
        command = ["git", "-C", str(ROOT), "worktree", "add", "--detach"]
        subprocess.run([*command, str(before), asked.commit], check=True)
        try:
            print(f"{'fit':30s} {'before':>9s} {'now':>9s} {'ratio':>7s}")
            for case in asked.names or CASES:
                pairs = [
                    (seconds(before, case), seconds(ROOT, case))
                    for _ in range(asked.pairs)
                ]
                ratio = statistics.median(now / then for then, now in pairs)
                then, now = (
                    statistics.median(part) for part in zip(*pairs, strict=True)
                )
                print(f"{case:30s} {then:9.4f} {now:9.4f} {ratio:7.3f}", flush=True)
        finally:
            gone = ["git", "-C", str(ROOT), "worktree", "remove", "--force"]
            subprocess.run([*gone, str(before)], check=True)


if __name__ == "__main__":
    main()
