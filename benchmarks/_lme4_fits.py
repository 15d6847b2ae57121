"""The same cases fitted by flexcv, and by lme4 in one process of R."""

from __future__ import annotations

import json
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._lme4_draws import Case
from flexcv.models import LinearMixedEffectsModel
from flexcv.models.design._effects import Columns
from flexcv.models.gaussian.engine import search

R_CODE = Path(__file__).with_suffix(".R")
STARTS = 4  # of further searches of flexcv, at random
LARGEST_THETA = 30.0  # for which lmerTest's differences are asked

Fit = dict[str, Any]


def ours(case: Case) -> tuple[LinearMixedEffectsModel, Fit]:
    """Fit and predict by flexcv; an error is part of the answer."""
    X, y = case.table.drop(columns="y"), case.table["y"]
    model = LinearMixedEffectsModel(
        formula=case.formula, reml=case.reml, weights=case.weights, offset=case.offset
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            model.fit(X, y)
        except (ValueError, TypeError) as error:
            return model, {"error": str(error)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model, _reading(case, model) | {
            "warnings": [str(one.message) for one in told]
        }


def lme4(cases: Sequence[Case], readings: Sequence[Fit]) -> list[Fit]:
    """Fit and predict by lme4, also at the theta that flexcv found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in cases:
            for part, rows in (("table", case.table), ("new", case.new)):
                path = folder / f"{case.seed}_{part}.csv"
                rows.to_csv(path, index=False, float_format="%.17g", na_rep="NA")
        asked = [_asked(c, r) for c, r in zip(cases, readings, strict=True)]
        (folder / "cases.json").write_text(json.dumps(asked))
        subprocess.run(["Rscript", str(R_CODE), name], check=True)
        fits: list[Fit] = json.loads((folder / "fits.json").read_text())
    return fits


def _reading(case: Case, model: LinearMixedEffectsModel) -> Fit:
    table = model.fixed_effects_
    known = model.predict(case.new)
    model.known_groups = "population"
    population = model.predict(case.new)
    model.known_groups = "conditional"
    return {
        "criterion": model.criterion_,
        "best": _best_of_starts(case, model),
        "converged": model.converged_,
        "singular": model.singular_,
        "theta": model.theta_,
        "blocks": _blocks(model),
        "names": list(table.index),
        "beta": table["estimate"].to_numpy(),
        "se": table["std_error"].to_numpy(),
        "df": table["df"].to_numpy(),
        "sigma": model.sigma_,
        "aic": model.aic_,
        "parameters": model.n_parameters_,
        "known": known,
        "population": population,
        "redundant": _is_redundant(case, model),
    }


def _is_redundant(case: Case, model: LinearMixedEffectsModel) -> bool:
    """Whether several sets of effects can make the same covariance."""
    design = model.random_encoder_.design(Columns(case.table))
    sizes = [factor.n_levels for factor in design.factors]
    return len(set(sizes)) < len(sizes) or any(
        np.linalg.matrix_rank(np.column_stack(factor.columns)) < factor.n_effects
        for factor in design.factors
    )


def _best_of_starts(case: Case, model: LinearMixedEffectsModel) -> float:
    """Search from other starts, too; give the lowest criterion of all."""
    fitted, rng = model.estimate_, np.random.default_rng(case.seed)
    if not fitted.problem.shapes:
        return model.criterion_
    constant = fitted.criterion - fitted.at.value
    begin = fitted.problem.start()
    found = [model.criterion_]
    is_far = np.abs(fitted.minimum.theta).max(initial=0.0) > LARGEST_THETA  # and slow
    for _ in range(1 if is_far else STARTS):
        start = begin * np.exp(rng.normal(size=len(begin)))
        start = start + 0.3 * rng.normal(size=len(begin))
        found.append(search(fitted.problem, start).value + constant)
    return float(np.nanmin(found))


def _blocks(model: LinearMixedEffectsModel) -> list[Fit]:
    """Give theta in pieces, one for each set of correlated effects."""
    blocks, place = [], 0
    for encoder, shape in zip(
        model.random_encoder_.factors, model.estimate_.problem.shapes, strict=True
    ):
        for size in shape.blocks:
            end = place + size * (size + 1) // 2
            theta = model.theta_[place:end].tolist()
            blocks.append({"group": encoder.name, "size": size, "theta": theta})
            place = end
    return blocks


def _asked(case: Case, reading: Fit) -> Fit:
    # lme4 1.1-31 forgets its argument `offset` when it predicts, but not the term.
    offset = f" + offset({case.offset})" if case.offset else ""
    asked: Fit = {
        "seed": case.seed,
        "formula": case.formula + offset,
        "reml": case.reml,
        "weights": case.weights,
        "columns": {str(name): _kind(case.table[name]) for name in case.table},
    }
    if "error" not in reading:
        asked["blocks"] = reading["blocks"]
        asked["criterion"] = reading["criterion"]
        asked["degrees"] = _asks_for_degrees(case, reading)
    return asked


def _asks_for_degrees(case: Case, reading: Fit) -> bool:
    """Whether lmerTest, which differentiates by differences, is quick and exact."""
    few = len(reading["theta"]) <= 3 and len(case.table) <= 200
    few = few and bool(reading["theta"].max(initial=0.0) < LARGEST_THETA)
    large = "big" in case.formula or "huge" in case.formula
    return few and not large and not reading["singular"]


def _kind(column: pd.Series) -> Fit:
    if pd.api.types.is_numeric_dtype(column):
        return {"kind": "number"}
    if isinstance(column.dtype, pd.CategoricalDtype):
        kind = "ordered" if column.cat.ordered else "factor"
        return {"kind": kind, "levels": list(column.cat.categories)}
    if column.name in ("s", "n"):
        return {"kind": "label"}
    return {"kind": "factor", "levels": sorted(column.unique())}
