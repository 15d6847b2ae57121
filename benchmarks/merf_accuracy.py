"""How right MERF is: variances, intervals and predictions, by simulation.

Run ``python benchmarks/merf_accuracy.py [sections]``; each section named (all by
default) is printed and written to docs/performance/merf.md.
"""

from __future__ import annotations

import functools
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

sys.path[:0] = [str(Path(__file__).parent)]

from _merf_designs import (
    Design,
    Draw,
    draw,
    five_of_nine,
    gentle,
    rough,
)
from _merf_page import table, write_section

from flexcv import CrossValidation
from flexcv.datasets import load_radon, load_sleepstudy
from flexcv.errors import ConvergenceWarning
from flexcv.merf import MERF
from flexcv.models import LinearMixedEffectsModel

REPLICATIONS = 50
TREES = 100
HONEST = (
    Design("well learnt, 100 groups of 10", gentle),
    Design("well learnt, 60 groups of 2 to 30", gentle, 60, (2, 30)),
    Design("large group variance, 50 groups of 20", gentle, 50, 20, intercept=4.0),
    Design("with slopes, 100 groups of 10", gentle, slope=0.5),
    Design("hard to learn, 100 groups of 10", rough),
    Design("hard to learn, with slopes", rough, slope=0.5),
)
NO_EFFECT = (
    Design("no group effect, 200 groups of 4", gentle, 200, 4, intercept=0.0),
    Design("no group effect, 100 groups of 10", gentle, 100, 10, intercept=0.0),
    Design("no group effect, 50 groups of 20", rough, 50, 20, intercept=0.0),
)


AUTHORS = tuple(
    Design(name, five_of_nine, 100, 5, intercept, slope, 9)
    for name, intercept, slope in (
        ("none", 0.0, 0.0),
        ("small intercepts (1)", 1.0, 0.0),
        ("large intercepts (9)", 9.0, 0.0),
        ("small intercepts and slopes (1, 1)", 1.0, 1.0),
        ("large intercepts and slopes (9, 9)", 9.0, 9.0),
    )
)
COMPARED = ("forest", "MERF", "LMM", "boosting")
CV_REPEATS = 5


def forest(seed: int) -> RandomForestRegressor:
    """Return the forest of every comparison."""
    return RandomForestRegressor(TREES, min_samples_leaf=3, random_state=seed)


def fitted(design: Design, drawn: Draw, seed: int, kind: str = "auto") -> MERF:
    """Fit MERF around the forest."""
    slopes = ("x1",) if design.slope else ()
    model = MERF(forest(seed), "group", slopes, fit_prediction=kind)
    return model.fit(drawn.train.table, drawn.train.target)


def one_replication(design: Design, seed: int, kind: str) -> dict[str, float]:
    """Compare what MERF says of the variances with what new rows show."""
    drawn = draw(design, seed)
    model = fitted(design, drawn, seed, kind)
    known = drawn.known
    predicted = model.predict(known.table)
    model.known_groups = "population"
    fixed = model.predict(known.table)
    plain = forest(seed).fit(drawn.train.features, drawn.train.target)
    components = model.variance_components_.set_index("name")["variance"]
    sigma2 = model.sigma_**2
    intercept = float(components["Intercept"])
    return {
        "sigma2": sigma2,
        "residual": float(np.mean((known.target - fixed - known.random) ** 2)),
        "intercept": intercept,
        "slope": float(components.get("x1", np.nan)),
        "share": intercept / (intercept + sigma2),
        "mse": float(np.mean((known.target - predicted) ** 2)),
        "plain": float(np.mean((known.target - plain.predict(known.features)) ** 2)),
        "iterations": model.n_iter_,
        **coverages(model, drawn),
    }


def coverages(model: MERF, drawn: Draw) -> dict[str, float]:
    """Return the share of new targets inside the 95 % intervals."""
    model.known_groups = "conditional"
    shares = {}
    for name, rows in (("known", drawn.known), ("new", drawn.new)):
        interval = model.predict_interval(rows.table, 0.95)
        inside = (interval["lower"] <= rows.target) & (rows.target <= interval["upper"])
        shares[f"cover_{name}"] = float(inside.mean())
    return shares


def simulated(design: Design, kind: str, n: int = REPLICATIONS) -> pd.Series:
    """Average over replications."""
    rows = [one_replication(design, seed, kind) for seed in range(n)]
    return pd.DataFrame(rows).mean()


@functools.cache
def all_simulated() -> dict[tuple[str, str], pd.Series]:
    """Simulate every design with out-of-bag and with in-sample fitted values."""
    found = {}
    for design in (*HONEST, *NO_EFFECT):
        for kind in ("oob", "in_sample"):
            found[design.name, kind] = simulated(design, kind)
            print(design.name, kind, found[design.name, kind].round(3).to_dict())
    return found


def variances() -> str:
    """Compare variances from out-of-bag and from in-sample fitted values."""
    lines = []
    for design in (*HONEST, *NO_EFFECT):
        for kind in ("oob", "in_sample"):
            mean = all_simulated()[design.name, kind]
            slope = f"{mean['slope']:.2f} ({design.slope:g})" if design.slope else ""
            lines.append(
                (
                    design.name,
                    f"`{kind}`",
                    f"{mean['sigma2']:.2f}",
                    f"{mean['residual']:.2f}",
                    f"{mean['sigma2'] / mean['residual']:.2f}",
                    f"{mean['intercept']:.3f} ({design.intercept:g})",
                    slope,
                    f"{100 * mean['share']:.1f} %",
                    f"{mean['mse']:.3f}",
                    f"{mean['plain']:.3f}",
                    f"{mean['iterations']:.1f}",
                )
            )
    head = (
        "design",
        "fitted values",
        "sigma2",
        "residual variance of new rows",
        "ratio",
        "intercept variance (truth)",
        "slope variance (truth)",
        "share of groups",
        "MSE, known groups",
        "MSE, plain forest",
        "refits",
    )
    return f"""## Variances

Means of {REPLICATIONS} replications; forests of {TREES} trees; noise variance 1.
The residual variance of new rows is that of the target less the fixed part less the
true random effects: noise plus the forest's own error.

{table(head, lines)}
"""


def intervals() -> str:
    """Show the coverage of 95 % prediction intervals."""
    lines = [
        (
            design.name,
            *(
                f"{100 * all_simulated()[design.name, kind][f'cover_{rows}']:.1f} %"
                for kind in ("oob", "in_sample")
                for rows in ("known", "new")
            ),
        )
        for design in HONEST
    ]
    head = (
        "design",
        "`oob`, known groups",
        "`oob`, new groups",
        "`in_sample`, known groups",
        "`in_sample`, new groups",
    )
    return f"""## Coverage of 95 % prediction intervals

From the same replications.

{table(head, lines)}
"""


def authors() -> str:
    """Compare four models on 100 groups with 500 training rows."""
    lines = []
    for design in AUTHORS:
        rows = [_authors_replication(design, seed) for seed in range(REPLICATIONS)]
        mean = pd.DataFrame(rows).mean()
        print(design.name, mean.round(3).to_dict())
        for kind in ("known", "new"):
            gain = round(100 * (1 - mean["MERF", kind] / mean["forest", kind]))
            scores = [f"{mean[name, kind]:.2f}" for name in COMPARED]
            lines.append((design.name, kind, *scores, f"{gain} %"))
    head = ("random part", "groups", *COMPARED, "MERF's gain on the forest")
    return f"""## 100 groups, 500 training rows

The setting of Hajjem, Bellavance & Larocque (2014): 100 groups with 5 training rows
and 50 test rows each, nine standard normal features of which five matter, not
linearly, random intercepts and slopes of small and of large variance, noise variance
1. The function of the features is our own. Mean squared errors, means of
{REPLICATIONS} replications.

{table(head, lines)}
"""


def tables() -> str:
    """Cross-validate four models on two real tables, for known and for new groups."""
    lines = []
    for name, X, y, groups, slopes in (_radon(), _sleepstudy()):
        for split in ("KFold", "GroupKFold"):
            found = _cross_validated(X, y, groups, slopes, split)
            kind = "known" if split == "KFold" else "new"
            lines.append((name, kind, *(f"{found[model]:.4g}" for model in COMPARED)))
            print(lines[-1])
    return f"""## Real tables

Mean squared errors over 5 folds, {CV_REPEATS} repeats for known groups, through the
builder with `set_merf(True)`.

{table(("table", "groups", *COMPARED), lines)}
"""


def _authors_replication(design: Design, seed: int) -> dict[tuple[str, str], float]:
    drawn = draw(design, seed, n_test=50)
    slopes = ("x1",) if design.slope else ()
    merf = MERF(forest(seed), "group", slopes)
    lmm = LinearMixedEffectsModel("group", slopes)
    boosting = HistGradientBoostingRegressor(random_state=seed)
    fits = {
        "forest": (forest(seed), False),
        "MERF": (merf, True),
        "LMM": (lmm, True),
        "boosting": (boosting, False),
    }
    errors = {}
    for name, (model, grouped) in fits.items():
        train = drawn.train.table if grouped else drawn.train.features
        model.fit(train, drawn.train.target)
        for kind, rows in (("known", drawn.known), ("new", drawn.new)):
            predicted = model.predict(rows.table if grouped else rows.features)
            errors[name, kind] = float(np.mean((rows.target - predicted) ** 2))
    return errors


def _radon() -> tuple[str, pd.DataFrame, pd.Series, pd.Series, None]:
    radon = load_radon()
    return (
        "radon",
        radon[["floor", "log_uranium"]],
        radon["log_radon"],
        radon["county"],
        None,
    )


def _sleepstudy() -> tuple[str, pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]:
    sleep = load_sleepstudy()
    return (
        "sleepstudy",
        sleep[["Days"]],
        sleep["Reaction"],
        sleep["Subject"],
        sleep[["Days"]],
    )


def _cross_validated(
    X: pd.DataFrame, y: pd.Series, groups: pd.Series, slopes: object, split: str
) -> dict[str, float]:
    cv = (
        CrossValidation()
        .set_data(X, y, groups, slopes)
        .set_splits(
            split,
            n_splits_out=5,
            n_repeats=CV_REPEATS if split == "KFold" else 1,
            scale_out=False,
        )
        .add_model(forest(0), model_name="forest", add_merf=True)
        .add_model(LinearMixedEffectsModel, model_name="LMM")
        .add_model(HistGradientBoostingRegressor, model_name="boosting", add_merf=False)
        .set_run(random_seed=1, silence=["groups-ignored", "identical-rows"])
    )
    rows = cv.perform().get_results().predictions
    rows = rows[rows["part"].eq("test")]
    squares = (rows["y_true"] - rows["y_pred"]) ** 2
    mean = squares.groupby(rows["model"]).mean()
    return {str(k).replace("MERF(forest)", "MERF"): v for k, v in mean.items()}


SECTIONS: dict[str, Callable[[], str]] = {
    "authors": authors,
    "tables": tables,
    "variances": variances,
    "intervals": intervals,
}


def main(names: list[str]) -> None:
    """Run the sections named, all by default."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # in-sample forests go on
    for name in names or SECTIONS:
        began = time.perf_counter()
        text = SECTIONS[name]()
        write_section(name, text)
        print(text, f"\n{time.perf_counter() - began:.0f} s\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
