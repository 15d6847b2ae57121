"""SHAP values: what each feature adds to each prediction."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import check_flag, check_integer
from flexcv.errors import MissingExtraError
from flexcv.evaluation import FittedFold
from flexcv.results import Finding

from .base import final_model, final_table, rows_of


@dataclass(frozen=True, slots=True)
class ShapSettings:
    """Whether SHAP values are wanted, and of how many rows."""

    wanted: bool | None = None
    max_rows: int = 100

    def __post_init__(self) -> None:
        if self.wanted is not None:
            check_flag("shap", self.wanted)
        check_integer("max_rows", self.max_rows, 1)


def forest_attributions(
    fitted: FittedFold, settings: ShapSettings
) -> Iterable[Finding]:
    """Explain a model of trees with the package shap.

    Raises
    ------
    MissingExtraError
        When they are wanted and the package is missing.
    """
    if settings.wanted is False:
        return
    is_installed = importlib.util.find_spec("shap") is not None
    if not is_installed:
        if settings.wanted:
            raise MissingExtraError(
                "SHAP values need the package shap; install it with "
                "pip install 'flexcv[shap]', or pass shap=False."
            )
        return
    package = _shap()
    model = final_model(fitted)
    if (
        settings.wanted is None
        and not package.explainers.Tree.supports_model_with_masker(model, None)
    ):
        return
    explainer = package.TreeExplainer(model)
    for part in ("train", "test"):
        table, positions = _chosen(fitted, part, settings.max_rows)
        values = np.asarray(explainer.shap_values(table.to_numpy(dtype=float)))
        yield from _findings(fitted, part, positions, list(table.columns), values)


def xgboost_attributions(
    fitted: FittedFold, settings: ShapSettings
) -> Iterable[Finding]:
    """Explain an XGBoost model by its own exact SHAP values."""
    if settings.wanted is False:
        return
    xgboost = importlib.import_module("xgboost")
    model = final_model(fitted)
    for part in ("train", "test"):
        table, positions = _chosen(fitted, part, settings.max_rows)
        named = model.get_booster().feature_names is not None
        matrix = xgboost.DMatrix(
            table if named else table.to_numpy(), enable_categorical=True
        )
        values = model.get_booster().predict(matrix, pred_contribs=True)
        if values.ndim == 3:  # rows, classes, features; others have features last
            values = values.transpose(0, 2, 1)
        names = list(table.columns)
        yield from _findings(fitted, part, positions, names, values[:, :-1])


def _shap() -> Any:
    """Import shap, whose import warns of what it uses itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about shap's own code, not the user's model
        return importlib.import_module("shap")


def _chosen(fitted: FittedFold, part: str, max_rows: int) -> tuple[pd.DataFrame, Any]:
    X = getattr(fitted, f"X_{part}")
    positions = rows_of(X, max_rows)
    return final_table(fitted, X.iloc[positions]), positions


def _findings(
    fitted: FittedFold, part: str, positions: Any, names: list[Any], values: Any
) -> Iterator[Finding]:
    """Return one finding; where more than two classes are explained, one for each.

    Of two classes the last one is explained.
    """
    classes = fitted.train.task.classes
    if values.ndim == 2:
        yield _finding(fitted, part, positions, names, values)
    elif len(classes) == 2:
        yield _finding(fitted, part, positions, names, values[:, :, -1])
    else:
        seen = np.asarray(fitted.estimator.classes_).tolist()
        for place, label in enumerate(seen):
            one = _finding(fitted, part, positions, names, values[:, :, place])
            yield replace(one, name=f"{one.name}_{label}")


def _finding(
    fitted: FittedFold, part: str, positions: Any, names: list[Any], values: Any
) -> Finding:
    """Return a row per explained row and feature, with the feature's raw value."""
    X, rows = getattr(fitted, f"X_{part}"), getattr(fitted, f"{part}_rows")
    raw = X.iloc[positions]
    frames = [
        pd.DataFrame(
            {
                "row": rows[positions],
                "feature": str(name),
                "value": _numbers(raw, name),
                "shap": np.asarray(values)[:, number],
            }
        )
        for number, name in enumerate(names)
    ]
    frame = pd.concat(frames, ignore_index=True)
    return Finding(f"shap_{part}", frame, "attributions")


def _numbers(raw: pd.DataFrame, name: Any) -> Any:
    """Return the raw values of a numeric column; missing where there is none."""
    if name in raw.columns and pd.api.types.is_numeric_dtype(raw[name]):
        return raw[name].to_numpy(dtype=float)
    return np.full(len(raw), np.nan)
