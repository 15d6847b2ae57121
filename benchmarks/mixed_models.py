"""Mixed models beside lme4, statsmodels and two Rust engines: agreement, speed, size.

Writes docs/performance/mixed-models.md. CPU seconds, one BLAS thread, one run.

    python -m benchmarks.mixed_models [--quick]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import resource
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._mixed_model_rivals import ENGINES, cases
from flexcv.models import LinearMixedEffectsModel
from tests.models.stress import stress_result
from tests.models.test_linear_reference import FITS, FOLDER, fit

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance" / "mixed-models.md"
SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
STRESS_FITS = 240


def agreement() -> str:
    """Return the distance to lme4's polished fits, one line per table and model."""
    rows = []
    for name in FITS:
        reference = json.loads((FOLDER / "lme4" / f"{name}.json").read_text())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, _ = fit(reference)
        rows.append([name, *_distances(model, reference)])
    columns = [
        *("fit", "criterion less lme4's", "fixed effects, standard errors"),
        *("standard errors, relative", "sigma, relative"),
    ]
    return table_text(pd.DataFrame(rows, columns=columns))


def _distances(model: LinearMixedEffectsModel, reference: dict) -> list[str]:
    wanted = reference["REMLcrit" if model.reml else "deviance_ML"]
    table = model.fixed_effects_
    error = np.array(list(reference["se"].values()))
    shift = (table["estimate"] - list(reference["fixef"].values())) / error
    values = [
        model.criterion_ - wanted,
        shift.abs().max(),
        (table["std_error"] / error - 1.0).abs().max(),
        abs(model.sigma_ / reference["sigma"] - 1.0),
    ]
    return [f"{value:.1e}" for value in values]


def stress(n_fits: int) -> str:
    """Return one sentence on badly scaled fits."""
    results = [stress_result(seed) for seed in range(n_fits)]
    reached = sum(r.excess < 1e-6 for r in results)
    singular = np.mean([r.singular for r in results])
    wrong = sum(r.converged and r.excess > 1e-6 for r in results)
    return (
        f"{reached} of {n_fits} badly scaled REML fits with two or three random "
        f"effects ({singular:.0%} of them singular) reach the lowest criterion known "
        "from 20 runs of two optimisers within 1e-6; the worst is off by "
        f"{max(r.excess for r in results):.1e}, and {wrong} are called converged "
        "though worse."
    )


def speed() -> str:
    """Return seconds of every engine, and lme4's seconds over this library's."""
    rows = []
    for case in cases():
        seconds = {name: engine(case) for name, engine in ENGINES.items()}
        ratio = seconds["lme4"] / seconds["flexcv"]
        shown = {name: _milliseconds(value) for name, value in seconds.items()}
        rows.append(
            {"fit": case.name, **shown}
            | {"lme4 / flexcv": f"{ratio:.1f}", "asked for": str(case.wanted)}
        )
    return table_text(pd.DataFrame(rows))


def _milliseconds(seconds: float) -> str:
    return "-" if np.isnan(seconds) else f"{1000 * seconds:.4g} ms"


def scaling(sizes: list[int]) -> str:
    """Return seconds and memory from 1e4 rows on, each in a process of its own."""
    rows = []
    for n_rows in sizes:
        call = [sys.executable, "-m", "benchmarks.mixed_models", f"--rows={n_rows}"]
        done = subprocess.run(
            call, cwd=ROOT, capture_output=True, text=True, check=True
        )
        rows.append(json.loads(done.stdout))
    return table_text(pd.DataFrame(rows))


def one_size(n_rows: int) -> dict[str, str]:
    """Fit five columns and 1 % as many groups (1e5 at most); give what it took."""
    rng = np.random.default_rng(0)
    n_groups = min(n_rows // 100, 100_000)
    table = pd.DataFrame({f"x{k}": rng.normal(size=n_rows) for k in range(1, 6)})
    table["g"] = rng.integers(0, n_groups, n_rows)
    y = table[["x1", "x2"]].sum(axis=1).to_numpy() + rng.normal(size=n_rows)
    y += rng.normal(size=n_groups)[table["g"]]
    y += rng.normal(size=n_groups)[table["g"]] * table["x1"].to_numpy()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    model = LinearMixedEffectsModel("g", "x1").fit(table, y)
    seconds = time.process_time() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert model.converged_
    return {
        "rows": f"{n_rows:,}",
        "groups": f"{n_groups:,}",
        "seconds": f"{seconds:.3f}",
        "before, GB": f"{before / 2**20:.2f}",
        "peak, GB": f"{after / 2**20:.2f}",
    }


def table_text(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table."""
    lines = [list(frame), ["---"] * len(frame.columns), *frame.astype(str).to_numpy()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(quick: bool) -> str:
    """Measure everything and give the page."""
    sizes, n_fits = (SIZES[:2], 20) if quick else (SIZES, STRESS_FITS)
    today = datetime.now(tz=UTC).date().isoformat()
    return f"""# Mixed models: agreement and speed

Written by `python -m benchmarks.mixed_models` on {today}; do not edit. CPU time, one
BLAS thread, every engine in the same run, the least of several calls with the table in
memory. lme4 runs in R with its defaults; `glmm` is called without degrees of freedom.

## Seconds per fit

{speed()}

statsmodels has no crossed factors.

## Rows and memory

One grouping factor, a correlated random slope, five feature columns. Memory is the
process's largest so far, before the fit (with the table) and after it.

{scaling(sizes)}

## Agreement with lme4

The references are lme4 1.1-31 fits polished with several optimisers
(`tests/reference`); a negative difference is a better fit.

{agreement()}

## Badly scaled fits

{stress(n_fits)}
"""


if __name__ == "__main__":
    asked = [a.removeprefix("--rows=") for a in sys.argv if a.startswith("--rows=")]
    if asked:
        print(json.dumps(one_size(int(asked[0]))))
    else:
        text = page("--quick" in sys.argv)
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        if "--quick" not in sys.argv:
            PAGE.write_text(text)
        print(text)
