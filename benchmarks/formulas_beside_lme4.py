"""Random formulas fitted by flexcv and by lme4: the same criterion, or the reason.

Writes a few tables, has ``Rscript`` fit each formula with lme4 (two optimisers, the
better minimum counts), fits it here, and prints the worst difference of the REML
criterion and each formula that differs, with the reason. Needs R with lme4 and
jsonlite; nothing else does.

    python benchmarks/formulas_beside_lme4.py --formulas 80 --seed 1
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from flexcv.models import LinearMixedEffectsModel

R_CODE = """
suppressMessages({library(lme4); library(jsonlite); library(splines)})
options(warn = -1)
folder <- commandArgs(trailingOnly = TRUE)[1]
asked <- fromJSON(file.path(folder, "formulas.json"))
tables <- lapply(setNames(nm = unique(asked$table)), function(name) {
  t <- read.csv(file.path(folder, paste0(name, ".csv")), stringsAsFactors = TRUE)
  t$o <- factor(t$o, c("low", "mid", "high", "top"), ordered = TRUE)
  for (n in c("g", "s")) t[[n]] <- factor(t[[n]])
  t
})
settings <- function(name) lmerControl(calc.derivs = FALSE, optimizer = name,
  check.rankX = "silent.drop.cols", check.nobs.vs.nRE = "ignore")
fit <- function(k, name) suppressMessages(suppressWarnings(lmer(
  as.formula(asked$formula[k]), tables[[asked$table[k]]], control = settings(name))))
fits <- lapply(seq_len(nrow(asked)), function(k) tryCatch({
  tried <- lapply(c("bobyqa", "nloptwrap"), function(name) fit(k, name))
  best <- tried[[which.min(sapply(tried, REMLcrit))]]
  list(criterion = as.numeric(REMLcrit(best)), parameters = attr(logLik(best), "df"))
}, error = function(e) list(error = conditionMessage(e))))
write(toJSON(fits, auto_unbox = TRUE, digits = 12), file.path(folder, "fits.json"))
"""
NUMBERS = ["x", "z", "k", "I(x^2)", "I(k - 2)", "log(z)", "sqrt(z)", "poly(x, 2)"]
LABELS = ["f", "h", "o", "factor(k)"]
SAME = 2e-4  # of two searches for one minimum


def table_of(seed: int, n_groups: int, n_rows: int) -> pd.DataFrame:
    """Return a table with numbers, categories, and two crossed groups."""
    rng = np.random.default_rng(seed)
    rows = n_groups * n_rows
    table = pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "z": rng.uniform(0.5, 4.0, size=rows),
            "k": rng.integers(1, 5, size=rows),
            "f": rng.choice(list("abc"), size=rows),
            "h": rng.choice(["u", "v"], size=rows),
            "o": rng.choice(["low", "mid", "high", "top"], size=rows),
            "g": np.repeat(np.arange(n_groups), n_rows),
            "s": rng.integers(0, 9, size=rows),
        }
    )
    slopes = rng.normal(size=(n_groups, 3))[table["g"]]
    level = (table["f"] == "a") * slopes[:, 1] + table["x"] * slopes[:, 2]
    crossed = 0.7 * rng.normal(size=9)[table["s"]]
    table["y"] = table["x"] + slopes[:, 0] + level + crossed + rng.normal(size=rows)
    return table


def formula_of(rng: np.random.Generator) -> str:
    """Draw a formula."""
    fixed = [_fixed_term(rng) for _ in range(rng.integers(1, 4))]
    random = [_bar(rng, "g"), *([_bar(rng, "s")] if rng.random() < 0.3 else [])]
    sign = rng.choice([" - 1", "", "", ""])
    terms = [*fixed, *random]
    rng.shuffle(terms)
    return f"y ~ {' + '.join(terms)}{sign}"


def ours(formula: str, table: pd.DataFrame) -> dict[str, object]:
    """Fit a formula here."""
    X, y = table.drop(columns="y"), table["y"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = LinearMixedEffectsModel(formula=formula).fit(X, y)
    except (ValueError, TypeError) as error:
        return {"error": str(error)}
    return {"criterion": model.criterion_, "parameters": model.n_parameters_}


def main() -> int:
    """Fit, compare and print; the exit status tells of differences."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--formulas", type=int, default=80)
    asked.add_argument("--seed", type=int, default=1)
    settings = asked.parse_args()
    rng = np.random.default_rng(settings.seed)
    tables = {"small": table_of(1, 24, 9), "wide": table_of(2, 40, 12)}
    drawn = [
        {"table": str(rng.choice(list(tables))), "formula": formula_of(rng)}
        for _ in range(settings.formulas)
    ]
    theirs = _lme4(tables, drawn)
    here = [ours(one["formula"], _typed(tables[one["table"]])) for one in drawn]
    return _told(drawn, here, theirs)


def _fixed_term(rng: np.random.Generator) -> str:
    left, right = rng.choice([*NUMBERS, *LABELS], size=2, replace=False)
    sign = rng.choice(["", "", ":", " * ", " / ", " %in% "])
    return str(left) if sign == "" else f"{left}{sign}{right}"


def _bar(rng: np.random.Generator, group: str) -> str:
    number = str(rng.choice(NUMBERS[:6]))
    label = str(rng.choice(LABELS[:2]))
    effects = rng.choice(
        [
            "1",
            number,
            f"0 + {number}",
            f"{number} - 1",
            label,
            f"0 + {label}",
            f"{number}:{label}",
            f"0 + {number}:{label}",
            f"{number} + {label}",
            f"-1 + {label} + {number}",
            f"{number} * h",
            f"0 + {number} + {number}:{label}",
        ]
    )
    bar = rng.choice(["|", "|", "||"]) if effects != "1" else "|"
    where = rng.choice([group, group, f"{group}:h"]) if effects == "1" else group
    return f"({effects} {bar} {where})"


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    kind = pd.CategoricalDtype(["low", "mid", "high", "top"], ordered=True)
    return table.assign(o=table["o"].astype(kind))


def _lme4(
    tables: dict[str, pd.DataFrame], drawn: list[dict[str, str]]
) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for key, table in tables.items():
            table.to_csv(folder / f"{key}.csv", index=False, float_format="%.17g")
        (folder / "formulas.json").write_text(json.dumps(drawn))
        (folder / "fit.R").write_text(R_CODE)
        subprocess.run(["Rscript", str(folder / "fit.R"), name], check=True)
        fits: list[dict[str, object]] = json.loads((folder / "fits.json").read_text())
    return fits


def _told(
    drawn: list[dict[str, str]],
    here: list[dict[str, object]],
    theirs: list[dict[str, object]],
) -> int:
    """Print each difference with its reason; count those that are our fault."""
    worst, faults = 0.0, 0
    for one, mine, lme4 in zip(drawn, here, theirs, strict=True):
        gap = _gap(mine, lme4)
        reason = _reason(mine, lme4, gap)
        if abs(gap) <= SAME:
            worst = max(worst, abs(gap))
        faults += gap > SAME
        if reason:
            print(f"{one['formula']}\n    {reason}")
    print(f"{len(drawn)} formulas, {faults} with a worse minimum here")
    print(f"worst difference where both found one minimum: {worst:.1e}")
    return int(faults > 0)


def _gap(mine: dict[str, object], lme4: dict[str, object]) -> float:
    if "error" in mine or "error" in lme4:
        return 0.0
    return float(str(mine["criterion"])) - float(str(lme4["criterion"]))


def _reason(mine: dict[str, object], lme4: dict[str, object], gap: float) -> str:
    for name, fit in (("flexcv", mine), ("lme4", lme4)):
        if "error" in fit:
            return f"refused by {name}: {fit['error']}"
    if gap > SAME:
        return f"WORSE by {gap:.2g}"
    if gap < -SAME:
        return f"lme4's search stopped {-gap:.2g} above ours"
    if mine["parameters"] != lme4["parameters"]:
        return (
            f"lme4 counts {lme4['parameters']} parameters for {mine['parameters']}: it "
            "keeps redundant columns of a random part without an intercept"
        )
    return ""


if __name__ == "__main__":
    sys.exit(main())
