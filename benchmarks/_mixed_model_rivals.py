"""Tables and rival engines for the mixed-model benchmark."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from flexcv.models import LinearMixedEffectsModel

DATA = Path(__file__).parents[1] / "tests" / "reference" / "data"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One model on one table.

    `repeats` is how often to fit it, `wanted` the ratio to lme4 that was asked for.
    """

    name: str
    table: pd.DataFrame
    target: str
    formula: str
    groups: tuple[str, ...]
    slopes: tuple[str, ...]
    repeats: int
    wanted: int
    statsmodels: bool = True


def simulated(
    n_rows: int, n_groups: int, *, slope: bool, seed: int = 0
) -> pd.DataFrame:
    """Draw rows with random intercepts, and slopes if asked for."""
    rng = np.random.default_rng(seed)
    g = rng.integers(0, n_groups, n_rows)
    x = rng.normal(size=n_rows)
    b = rng.normal(size=(n_groups, 2)) @ np.array([[1.0, 0.3], [0.0, 0.5]])
    y = 1.0 + 0.5 * x + b[g, 0] + rng.normal(size=n_rows)
    return pd.DataFrame({"y": y + slope * b[g, 1] * x, "x": x, "g": g})


def cases() -> list[Case]:
    """Return the five tables of the comparison."""
    sleep = pd.read_csv(DATA / "sleepstudy.csv")
    ratings = pd.read_csv(DATA / "InstEval.csv.gz")[["y", "service", "s", "d"]]
    ratings["service"] = ratings["service"].astype(str)
    slopes = "y ~ x + (1 + x | g)"
    return [
        Case(
            "sleepstudy, correlated slope",
            sleep,
            "Reaction",
            "Reaction ~ Days + (1 + Days | Subject)",
            ("Subject",),
            ("Days",),
            50,
            wanted=6,
        ),
        Case(
            "intercept, 1e5 rows, 1 000 groups",
            simulated(100_000, 1_000, slope=False),
            "y",
            "y ~ x + (1 | g)",
            ("g",),
            (),
            5,
            wanted=40,
        ),
        Case(
            "slope, 1e5 rows, 5 000 groups",
            simulated(100_000, 5_000, slope=True),
            "y",
            slopes,
            ("g",),
            ("x",),
            5,
            wanted=25,
        ),
        Case(
            "slope, 1e5 rows, 20 000 groups",
            simulated(100_000, 20_000, slope=True),
            "y",
            slopes,
            ("g",),
            ("x",),
            5,
            wanted=10,
        ),
        Case(
            "InstEval, crossed",
            ratings,
            "y",
            "y ~ service + (1 | s) + (1 | d)",
            ("s", "d"),
            (),
            3,
            wanted=3,
            statsmodels=False,
        ),
    ]


def best_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the least CPU time of several calls."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def flexcv_seconds(case: Case) -> float:
    """Time this library."""
    X, y = case.table.drop(columns=case.target), case.table[case.target]
    groups = list(case.groups)
    return best_seconds(
        lambda: LinearMixedEffectsModel(groups, case.slopes).fit(X, y), case.repeats
    )


def statsmodels_seconds(case: Case) -> float:
    """Time statsmodels' MixedLM; it has one grouping factor."""
    from statsmodels.regression.mixed_linear_model import MixedLM  # noqa: PLC0415

    if not case.statsmodels:
        return np.nan
    x = np.column_stack([np.ones(len(case.table)), _feature(case)])
    z = x if case.slopes else x[:, :1]
    y, g = case.table[case.target].to_numpy(), case.table[case.groups[0]].to_numpy()

    def call() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            MixedLM(y, x, g, exog_re=z).fit()

    return best_seconds(call, min(case.repeats, 3) if case.repeats > 5 else 1)


def _feature(case: Case) -> np.ndarray:
    name = next(c for c in case.table if c not in (case.target, *case.groups))
    return case.table[name].to_numpy()


def glmm_seconds(case: Case) -> float:
    """Time the Rust engine `glmm`, without its degrees of freedom."""
    if importlib.util.find_spec("glmm") is None:
        return np.nan
    import glmm  # noqa: PLC0415

    # Categories are the form in which it is fastest.
    table = case.table.astype(dict.fromkeys(case.groups, "category"))
    return best_seconds(
        lambda: glmm.fit(table, case.formula, satterthwaite=False), case.repeats
    )


def mixedlm_seconds(case: Case) -> float:
    """Time the Rust engine `mixedlm`."""
    if importlib.util.find_spec("mixedlm") is None:
        return np.nan
    import mixedlm  # noqa: PLC0415

    table = case.table.astype(dict.fromkeys(case.groups, str))

    def call() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mixedlm.lmer(case.formula, table)

    return best_seconds(call, min(case.repeats, 3))


R_SCRIPT = """
suppressMessages(library(lme4))
setting <- readLines(commandArgs(TRUE)[2])
table <- read.csv(commandArgs(TRUE)[1])
for (name in strsplit(setting[2], ",")[[1]]) table[[name]] <- factor(table[[name]])
if ("service" %in% names(table)) table$service <- factor(table$service)
formula <- as.formula(setting[1])
seconds <- sapply(seq_len(as.integer(setting[3])), function(k) {
  gc(FALSE); t <- system.time(fit <<- lmer(formula, table), gcFirst = FALSE)
  t[[1]] + t[[2]]
})
cat(min(seconds), sprintf("%.9f", REMLcrit(fit)))
"""


def lme4_seconds(case: Case) -> float:
    """Time lme4's lmer with its defaults, in R."""
    if shutil.which("Rscript") is None:
        return np.nan
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        case.table.to_csv(place / "table.csv", index=False)
        repeats = str(min(case.repeats, 20))
        lines = [case.formula, ",".join(case.groups), repeats]
        (place / "setting").write_text("\n".join(lines))
        (place / "time.R").write_text(R_SCRIPT)
        done = subprocess.run(
            ["Rscript", "time.R", "table.csv", "setting"],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return np.nan
    return float(json.loads(done.stdout.split()[0]))


ENGINES: dict[str, Callable[[Case], float]] = {
    "flexcv": flexcv_seconds,
    "lme4": lme4_seconds,
    "glmm (Rust)": glmm_seconds,
    "mixedlm (Rust)": mixedlm_seconds,
    "statsmodels": statsmodels_seconds,
}
