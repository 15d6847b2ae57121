"""Generalised mixed models beside lme4 and GPBoost: agreement and speed.

Writes docs/performance/generalized.md. CPU seconds, one BLAS thread, one run.

    python -m benchmarks.generalized [--quick]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._generalized_rivals import ENGINES, cases
from benchmarks.mixed_models import table_text
from tests.models.generalized_stress import stress_result
from tests.models.test_generalized_reference import FITS, fit, fit_gamma

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance" / "generalized.md"
STRESS_FITS = 90
CONSTANT = -41.978353769  # of cbpp, which lme4 drops where it uses quadrature


def agreement() -> str:
    """Return the distance to the reference fits, one line per model."""
    rows = []
    for name in FITS:
        model, reference = fit(name)
        wanted = reference["logLik"] + (CONSTANT if name == "cbpp_agq9" else 0.0)
        rows.append([name, *_distances(model, reference, wanted)])
    model, reference = fit_gamma()
    rows.append(
        ["sim_gamma_log (glmmTMB)", *_distances(model, reference, reference["logLik"])]
    )
    columns = [
        *("fit", "log-likelihood less the reference's"),
        *("fixed effects, standard errors", "standard errors, relative"),
        "standard deviations, relative",
    ]
    return table_text(pd.DataFrame(rows, columns=columns))


def _distances(model, reference, wanted) -> list[str]:
    table = model.fixed_effects_
    error = np.array(list(reference["se"].values()))
    shift = (table["estimate"] - list(reference["fixef"].values())) / error
    found = model.variance_components_.set_index(["group", "name"])["sd"]
    sds = [
        abs(found[group, effect.replace("(Intercept)", "Intercept")] / sd - 1.0)
        for group, part in reference["varcorr"].items()
        for effect, sd in zip(
            np.ravel(part["names"]), np.ravel(part["sd"]), strict=True
        )
    ]
    values = [
        model.loglik_ - wanted,
        shift.abs().max(),
        (table["std_error"] / error - 1.0).abs().max(),
        max(sds),
    ]
    return [f"{value:.1e}" for value in values]


def speed() -> str:
    """Return seconds of every engine, and lme4's seconds over this library's."""
    rows = []
    for case in cases():
        found = {name: engine(case) for name, engine in ENGINES.items()}
        seconds = {name: value for name, (value, _) in found.items()}
        gains = {
            f"log-likelihood less {name}'s": _gain(found["flexcv"][1] - loglik)
            for name, (_, loglik) in found.items()
            if name != "flexcv"
        }
        rows.append(
            {"fit": case.name}
            | {name: _shown(value) for name, value in seconds.items()}
            | {"lme4 / flexcv": f"{seconds['lme4'] / seconds['flexcv']:.0f}"}
            | {"asked for": case.wanted}
            | gains
        )
        print(rows[-1], file=sys.stderr)
    return table_text(pd.DataFrame(rows))


def _gain(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1e}"


def _shown(seconds: float) -> str:
    return "-" if np.isnan(seconds) else f"{seconds:.3g} s"


def stress(n_fits: int) -> str:
    """Return one sentence on awkward tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = [stress_result(seed) for seed in range(n_fits)]
    reached = sum(r.excess < 1e-6 for r in results)
    settled = sum(r.converged for r in results)
    wrong = sum(r.converged and r.excess > 1e-6 for r in results)
    singular = np.mean([r.singular for r in results])
    return (
        f"{reached} of {n_fits} fits to awkward tables (columns over eight decades, "
        "groups of one to three rows, variances near zero, groups of one class; "
        f"{singular:.0%} of them singular) reach the best log-likelihood known from "
        f"four starts within 5e-7; {settled} are called converged, and {wrong} of "
        "these though another start is better. Ends at which a variance runs away are "
        "marked as not converged and are no rivals."
    )


def page(quick: bool) -> str:
    """Measure everything and give the page."""
    today = datetime.now(tz=UTC).date().isoformat()
    return f"""# Generalised mixed models: agreement and speed

Written by `python -m benchmarks.generalized` on {today}; do not edit. CPU time, one
BLAS thread, every engine in the same run, the least of several calls with the table in
memory. lme4 runs `glmer` in R with its defaults, which give standard errors, as this
library does; GPBoost runs with Cholesky factors and without standard errors.

## Seconds per fit

{speed()}

A positive difference is a better fit. GPBoost has no correlated slopes. Its sparse
Cholesky factors are the faster way for small nested tables.

## Agreement

The references are lme4 1.1-31 fits polished with several optimisers and one glmmTMB
1.1.5 fit (`tests/reference`); a positive difference is a better fit. `cbpp_probit`
differs by definition: lme4 takes expected weights where the link is not canonical, this
library the observed information, as glmmTMB does. The standard error of one column of
grouseticks is numerical error of the reference, which differentiates without scaling:
second differences of the likelihood alone give this library's to six digits.

{agreement()}

## Awkward tables

{stress(20 if quick else STRESS_FITS)}
"""


if __name__ == "__main__":
    text = page("--quick" in sys.argv)
    if "--quick" not in sys.argv:
        PAGE.write_text(text)
    print(text)
