"""The deep mixture of linear mixed models on curves with a known truth.

Writes docs/performance/deep-mixture.md. CPU seconds, one BLAS thread, one run.

    python -m benchmarks.deep_mixture [--quick]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from benchmarks._curve_designs import Curves, cosines, oscillators, two_sines
from benchmarks._curve_rivals import RIVALS
from flexcv.errors import ConvergenceWarning
from flexcv.models import DeepMixtureLMM
from flexcv.models.mixtures.start import common_curves
from flexcv.models.mixtures.sums import subject_sums

PAGE = Path(__file__).parents[1] / "docs" / "performance" / "deep-mixture.md"
SEEDS = range(4)
BOUND_SEEDS = range(4)


@dataclass(frozen=True, slots=True)
class Case:
    """A design, the model's settings and the figures asked for."""

    name: str
    draw: Callable[[int], Curves]
    n_basis: int
    asked: str
    authors: str
    options: dict[str, object]


CASES = (
    Case(
        "1: two sines",
        two_sines,
        10,
        "-1.85, 10 s",
        "-1.520, 650 s",
        {},
    ),
    Case("2: oscillators", oscillators, 12, "-1.75, 5 s", "-1.656, 185 s", {}),
    Case("2, finer splines", oscillators, 16, "-1.75, 5 s", "-1.656, 185 s", {}),
    Case("3: cosines", cosines, 12, "-1.11, 5 s", "-1.089, 129 s", {}),
    Case(
        "3, simplify=False",
        cosines,
        12,
        "-1.11, 5 s",
        "-1.089, 129 s",
        {"simplify": False},
    ),
)


def fitted(curves: Curves, n_basis: int, **options: object) -> DeepMixtureLMM:
    """Fit the default mixture with so many splines."""
    model = DeepMixtureLMM(
        "subject",
        "time",
        n_basis=n_basis,
        time_range=curves.time_range,
        random_state=0,
        **options,
    )
    return model.fit(curves.table, curves.rows["y"])


def figures(case: Case, seed: int) -> dict[str, float]:
    """Fit one table of a design and compare with the truth."""
    curves = case.draw(seed)
    began = time.process_time()
    model = fitted(curves, case.n_basis, **case.options)
    seconds = time.process_time() - began
    interval = model.predict_interval(curves.whole, of="curve")
    shape = curves.truth.shape
    lower, upper = (
        interval[end].to_numpy().reshape(shape) for end in ("lower", "upper")
    )
    predicted = interval["prediction"].to_numpy().reshape(shape)
    found = {
        "log RMSE": log_rmse(predicted, curves.truth),
        "one Gaussian": log_rmse(one_gaussian(model, curves), curves.truth),
        "variance": model.sigma_**2,
        "coverage": float(((lower < curves.truth) & (curves.truth < upper)).mean()),
        "rand": np.nan,
        "seconds": seconds,
    }
    if curves.cluster is not None:
        found["rand"] = adjusted_rand_score(curves.cluster, model.cluster_)
    return found


def log_rmse(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Average the logarithm of each curve's root mean squared error."""
    return float(np.log(np.sqrt(((predicted - truth) ** 2).mean(axis=1))).mean())


def one_gaussian(model: DeepMixtureLMM, curves: Curves) -> np.ndarray:
    """Predict by a single Gaussian with a free covariance on the same splines."""
    rows = curves.rows
    y = (rows["y"] - model.units_.centre) / model.units_.scale
    design = model.basis_.design(rows["time"].to_numpy())
    codes, none = rows["subject"].to_numpy(), np.zeros((len(rows), 0))
    sums = subject_sums(design, none, y.to_numpy(), codes, len(curves.truth))
    values = common_curves(sums).predicted @ model.basis_.design(curves.grid).T
    return model.units_.centre + model.units_.scale * values


def designs(seeds: Sequence[int]) -> str:
    """Return the table of the three designs."""
    rows = []
    for case in CASES:
        found = pd.DataFrame([figures(case, seed) for seed in seeds])
        mean, worst = found.mean(), found["log RMSE"].max()
        rand = "-" if found["rand"].isna().all() else f"{found['rand'].min():.3f}"
        rows.append(
            [
                case.name,
                str(case.n_basis),
                f"{mean['log RMSE']:.3f}",
                f"{worst:.3f}",
                f"{mean['one Gaussian']:.3f}",
                f"{found['variance'].min():.3f} to {found['variance'].max():.3f}",
                rand,
                f"{100 * mean['coverage']:.1f} %",
                f"{found['seconds'].max():.1f}",
                case.asked,
                case.authors,
            ]
        )
    head = [
        *("design", "splines", "log RMSE", "worst", "one Gaussian", "sigma^2"),
        *("least Rand index", "95 % bands hold", "most CPU s", "asked for", "authors"),
    ]
    return table_text(head, rows)


def held_out(seeds: Sequence[int]) -> str:
    """Return mean squared errors at hidden times of known and of new subjects."""
    rows = []
    for name, rival in RIVALS.items():
        found = np.array([_held_out(rival, seed) for seed in seeds])
        known, new, seconds = found.mean(axis=0)
        shown = "-" if np.isnan(new) else f"{new:.3f}"
        rows.append([name, f"{known:.3f}", shown, f"{seconds:.1f}"])
    head = ["model", "known subjects", "new subjects, 7 rows seen", "CPU s"]
    return table_text(head, rows)


def _partly_seen(seed: int, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw n known and 100 new subjects of design 1, 7 of each one's rows seen."""
    rows = two_sines(seed, n=n + 100).rows
    places = np.tile(np.arange(10), (n + 100, 1))
    order = np.random.default_rng(seed).permuted(places, axis=1)
    rows = rows.assign(seen=order.ravel() < 7)
    return rows[rows["subject"] < n], rows[rows["subject"] >= n]


def _held_out(rival: Callable[..., tuple], seed: int) -> tuple[float, float, float]:
    known, new = _partly_seen(seed, 600)
    hidden, hidden_new = known[~known["seen"]], new[~new["seen"]]
    began = time.process_time()
    told, told_new = rival(known[known["seen"]], hidden, new)
    seconds = time.process_time() - began
    error = float(np.mean((hidden["y"] - told) ** 2))
    if told_new is None:
        return error, np.nan, seconds
    return error, float(np.mean((hidden_new["y"] - told_new) ** 2)), seconds


def intervals(seeds: Sequence[int]) -> str:
    """Return how many hidden readings lie in their 95 % intervals."""
    rows = []
    for n, repeats in ((30, 3), (60, 3), (600, 1)):
        shares = [
            _intervals(10 * seed + repeat, n)
            for seed in seeds
            for repeat in range(repeats)
        ]
        mean = 100 * np.mean(shares, axis=0)
        rows.append([str(n), *(f"{share:.1f} %" for share in mean)])
    head = ["subjects", "known", "new, 7 rows seen", "new, no row seen"]
    return table_text(head, rows)


def _intervals(seed: int, n: int) -> list[float]:
    known, new = _partly_seen(seed, n)
    columns = ["subject", "time"]
    train, told = known[known["seen"]], new[new["seen"]]
    model = DeepMixtureLMM(*columns, time_range=(0, 1), random_state=0)
    model.fit(train[columns], train["y"])
    observed = (told[columns], told["y"])
    asked = (
        (known[~known["seen"]], None),
        (new[~new["seen"]], observed),
        (new, None),
    )
    shares = []
    for rows, condition in asked:
        band = model.predict_interval(rows[columns], condition_on=condition)
        inside = rows["y"].between(band["lower"], band["upper"])
        shares.append(float(inside.mean()))
    return shares


def sizes(numbers: Sequence[int]) -> str:
    """Return seconds by number of subjects."""
    rows = []
    for n in numbers:
        curves = two_sines(0, n=n)
        began = time.process_time()
        model = fitted(curves, 10)
        seconds = time.process_time() - began
        rand = adjusted_rand_score(curves.cluster, model.cluster_)
        rows.append([f"{n:,}", f"{seconds:.1f}", str(model.n_iter_), f"{rand:.3f}"])
    return table_text(["subjects", "CPU s", "sweeps", "Rand index"], rows)


def falls(seeds: Sequence[int]) -> str:
    """Return one sentence on how far a sweep ever lowered the bound."""
    gains = []
    for seed in seeds:
        for curves in (two_sines(seed, n=80), oscillators(seed), cosines(seed)):
            for components in ((1, 1), (4, 2), (5,)):
                model = fitted(curves, 8, n_components=components, max_iter=120)
                gains.append(float(model.trace_["gain"].min()))
    lowest = min(0.0, *gains)
    return (
        f"In {len(gains)} fits of the three designs the largest fall of the bound in a "
        f"sweep is {abs(lowest):.1g}."
    )


def table_text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(quick: bool) -> str:
    """Measure everything and give the page."""
    seeds = list(SEEDS)[: 1 if quick else None]
    today = datetime.now(tz=UTC).date().isoformat()
    return f"""# Deep mixture of linear mixed models: accuracy and speed

Written by `python -m benchmarks.deep_mixture` on {today}; do not edit. CPU time, one
BLAS thread. Settings are the defaults (components (4, 2), factors (4, 1), one start)
with the number of splines as given.

## The paper's designs

Kock, Klein & Nott (2023), arXiv:2311.07156; {len(seeds)} seeds. Log RMSE is the mean
over subjects of the logarithm of the error of the whole curve, observed times and all
others. "One Gaussian" is a linear mixed model with a free covariance of the same
splines, fitted by EM. The authors' figures were measured with their published code,
their settings, on the same kind of machine.

{designs(seeds)}

- Design 1 has two clusters and sigma^2 = 0.09. Asked for: a Rand index of at least
  0.98, sigma^2 in [0.07, 0.10], bands that hold 93 to 97 %.
- Design 2 has no noise: its sigma^2 is what the splines cannot follow, and the bands
  leave out exactly that. Twelve splines have the authors' distance of knots; with them
  the figure asked for is missed by about 0.01, and one Gaussian does a little better:
  the bound sees one or two clusters in 100 oscillators. Sixteen splines follow the
  oscillators better. The text leaves open where the oscillators start and how the
  forcing enters; `benchmarks/_curve_designs.py` says what was taken.
- In design 3 the truth contains the noise (variance 0.1), so that no method gets far
  below log 0.32 = -1.15 and bands for the curve do not hold it. Its 36 classes are more
  than 120 subjects can show; keeping all components (`simplify=False`) predicts better
  than what the bound prefers.

## Hidden times and new subjects

Design 1, 600 known and 100 new subjects, 7 of each one's 10 rows seen and 3 hidden;
mean squared error at the hidden times (noise 0.09), means over
{len(seeds[:3])} tables.

{held_out(seeds[:3])}

The Gaussian process has one kernel for all subjects and conditions on each one's rows.
The linear mixed model is given six splines: ten correlated effects for each of 600
subjects are more effects than there are rows, which it refuses. It and MERF predict
new subjects by the population alone and so have no entry.

## Intervals

How many hidden readings of design 1 lie in their 95 % intervals, by the number of
subjects that the model was fitted to.

{intervals(seeds)}

## Number of subjects

Design 1 with ten rows each. A subject enters as its sums, so rows hardly matter.

{sizes([600, 1000] if quick else [600, 5000])}

## The bound

{falls(BOUND_SEEDS[:1] if quick else BOUND_SEEDS)}
"""


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    text = page("--quick" in sys.argv)
    if "--quick" not in sys.argv:
        PAGE.write_text(text)
    print(text)
