"""Tables and rival engines for the benchmark of generalised mixed models."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._mixed_model_rivals import DATA, best_seconds
from flexcv.models import GeneralizedLinearMixedModel


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One model on one table; `wanted` is the ratio to lme4 that was asked for."""

    name: str
    table: pd.DataFrame
    target: str
    fixed: str
    random: str
    family: str
    factors: tuple[str, ...]
    repeats: int
    lme4_repeats: int
    wanted: str = ""

    @property
    def formula(self) -> str:
        """Fixed and random part."""
        return f"{self.fixed} + {self.random}"


def bernoulli(n_rows: int, n_groups: int, *, slope: bool = False) -> pd.DataFrame:
    """Draw yes and no with random intercepts, and slopes if asked for."""
    rng = np.random.default_rng(0)
    g, x = rng.integers(0, n_groups, n_rows), rng.normal(size=n_rows)
    b = rng.normal(size=(n_groups, 2)) @ np.array([[1.0, 0.2], [0.0, 0.4]])
    eta = 0.5 * x - 0.5 + b[g, 0] + slope * b[g, 1] * x
    y = 1 * (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-eta)))
    return pd.DataFrame({"y": y, "x": x, "g": g})


def counts(n_rows: int, n_groups: int) -> pd.DataFrame:
    """Draw counts with random intercepts."""
    rng = np.random.default_rng(1)
    g, x = rng.integers(0, n_groups, n_rows), rng.normal(size=n_rows)
    mu = np.exp(0.3 + 0.4 * x + 0.6 * rng.normal(size=n_groups)[g])
    return pd.DataFrame({"y": rng.poisson(mu), "x": x, "g": g})


def cases() -> list[Case]:
    """Return the tables of the comparison."""
    answers = pd.read_csv(DATA / "VerbAgg.csv")
    answers["y"] = 1 * (answers["r2"] == "Y")
    answers = answers[["y", "Anger", "Gender", "btype", "situ", "id", "item"]]
    ticks = pd.read_csv(DATA / "grouseticks.csv").astype({"YEAR": str})
    verbs = "Anger + Gender + btype + situ"
    nested = "(1 | BROOD) + (1 | INDEX) + (1 | LOCATION)"
    one, slope = "(1 | g)", "(1 + x | g)"
    many = bernoulli(100_000, 20_000)
    return [
        Case(
            "yes or no, 1e5 rows, 1 000 groups",
            bernoulli(100_000, 1_000),
            *("y", "x", one, "binomial", ("g",), 5, 1, "40"),
        ),
        Case(
            "yes or no, 1e5 rows, 20 000 groups",
            many,
            *("y", "x", one, "binomial", ("g",), 3, 1),
        ),
        Case(
            "yes or no, correlated slope, 2e4 rows, 500 groups",
            bernoulli(20_000, 500, slope=True),
            *("y", "x", slope, "binomial", ("g",), 3, 1),
        ),
        Case(
            "counts, 1e5 rows, 1 000 groups",
            counts(100_000, 1_000),
            *("y", "x", one, "poisson", ("g",), 3, 1),
        ),
        Case(
            "VerbAgg, persons and items crossed",
            answers,
            *("y", verbs, "(1 | id) + (1 | item)", "binomial", ("id", "item"), 5, 2),
            wanted="10",
        ),
        Case(
            "grouseticks, three nested factors",
            ticks,
            *("TICKS", "YEAR + cHEIGHT", nested, "poisson"),
            *(("BROOD", "INDEX", "LOCATION"), 5, 2),
        ),
    ]


def flexcv_fit(case: Case) -> tuple[float, float]:
    """Return CPU seconds and log-likelihood of this library."""
    X, y = case.table.drop(columns=case.target), case.table[case.target]
    model = GeneralizedLinearMixedModel(family=case.family, formula=case.formula)
    seconds = best_seconds(lambda: model.fit(X, y), case.repeats)
    assert model.converged_
    return seconds, model.loglik_


R_SCRIPT = """
suppressMessages(library(lme4))
setting <- readLines("setting")
table <- read.csv("table.csv")
for (name in strsplit(setting[2], ",")[[1]]) table[[name]] <- factor(table[[name]])
formula <- as.formula(setting[1])
seconds <- sapply(seq_len(as.integer(setting[3])), function(k) {
  t <- system.time(fit <<- suppressWarnings(glmer(formula, table, family = setting[4])))
  t[[1]] + t[[2]]
})
cat(min(seconds), sprintf("%.9f", as.numeric(logLik(fit))))
"""


def lme4_fit(case: Case) -> tuple[float, float]:
    """Return CPU seconds and log-likelihood of lme4's glmer with its defaults, in R."""
    if shutil.which("Rscript") is None:
        return np.nan, np.nan
    categories = [c for c in case.table if case.table[c].dtype.kind not in "iuf"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        case.table.to_csv(place / "table.csv", index=False)
        lines = [
            f"{case.target} ~ {case.formula}",
            ",".join([*case.factors, *categories, *_years(case)]),
            str(case.lme4_repeats),
            case.family,
        ]
        (place / "setting").write_text("\n".join(lines))
        (place / "time.R").write_text(R_SCRIPT)
        done = subprocess.run(
            ["Rscript", "time.R"], cwd=place, capture_output=True, text=True, check=True
        )
    seconds, loglik = map(float, done.stdout.split())
    return seconds, loglik


def _years(case: Case) -> list[str]:
    return ["YEAR"] if "YEAR" in case.table else []


def gpboost_fit(case: Case) -> tuple[float, float]:
    """Return CPU seconds and log-likelihood of GPBoost, on intercepts only."""
    if importlib.util.find_spec("gpboost") is None or "x |" in case.random:
        return np.nan, np.nan
    import gpboost  # noqa: PLC0415
    from formulaic import model_matrix  # noqa: PLC0415

    groups = np.column_stack([pd.factorize(case.table[f])[0] for f in case.factors])
    columns = np.asarray(model_matrix(case.fixed, case.table), dtype=float)
    y = case.table[case.target].to_numpy(float)
    likelihood = "bernoulli_logit" if case.family == "binomial" else case.family
    kept = []

    def call() -> None:
        model = gpboost.GPModel(
            group_data=groups,
            likelihood=likelihood,
            num_parallel_threads=1,
            matrix_inversion_method="cholesky",
        )
        model.fit(y=y, X=columns)
        kept.append(-model.get_current_neg_log_likelihood())

    return best_seconds(call, 1), kept[-1]


ENGINES = {"flexcv": flexcv_fit, "lme4": lme4_fit, "GPBoost": gpboost_fit}
