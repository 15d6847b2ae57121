"""Fixed effects, variances and random effects of mixed models."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from flexcv.evaluation import FittedFold
from flexcv.evaluation.answers import class_probabilities
from flexcv.metrics.curves import roc_table
from flexcv.results import Finding

from .base import ModelPostProcessor, final_model, require

FIT_QUANTITIES = {
    "n_rows": "n_rows_",
    "loglik": "loglik_",
    "aic": "aic_",
    "bic": "bic_",
    "sigma": "sigma_",
    "converged": "converged_",
    "singular": "singular_",
}


class LMERModelPostProcessor(ModelPostProcessor):
    """Look at a linear mixed model.

    Gives

    - ``"fixed_effects"``: name, estimate, std_error, df, t, p, lower, upper
    - ``"variance_components"``: group, name, variance, sd, correlations
    - ``"icc"``: group, icc
    - ``"random_effects"``: factor, group, name, effect, sd (given the data), which is
      drawn from low to high with intervals
    - ``"fit"``: quantity, value

    With `scale_out` the features, and so the effects, are in standard deviations.
    """

    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Return the findings about one fitted model."""
        model = final_model(fitted)
        require(model, ["fixed_effects_", "variance_components_"], self)
        fixed = model.fixed_effects_.rename_axis("name").reset_index()
        yield Finding("fixed_effects", fixed, "fixed_effects")
        yield Finding("variance_components", model.variance_components_)
        if model.random_effects_:
            if hasattr(model, "icc"):
                shares = model.icc().rename_axis("group").reset_index(name="icc")
                yield Finding("icc", shares)
            effects = random_effects_table(model)
            yield Finding("random_effects", effects, "random_effects")
        yield Finding("fit", _fit_table(model))


class MERFModelPostProcessor(ModelPostProcessor):
    """Look at MERF: added as a model, or put around one by `set_merf`.

    Gives ``"convergence"`` (a row per iteration), ``"random_effects"`` (factor, group,
    name, effect, sd), ``"variance_components"`` and ``"base_against_mixed"`` (each
    row's true value and its prediction without and with random effects). Of two
    classes the predictions are probabilities of the last one, and
    ``"roc_base_against_mixed"`` has the ROC curves of both on the test part.
    """

    for_variants: ClassVar[bool] = True

    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Return the findings about one fitted MERF."""
        model = final_model(fitted)
        require(model, ["learner_", "trace_", "known_groups"], self)
        trace = model.trace_
        if "iteration" not in trace:
            trace = trace.rename_axis("iteration").reset_index()
        if len(trace):
            yield Finding("convergence", trace, "likelihood")
        yield Finding("variance_components", model.variance_components_)
        if model.random_effects_:
            effects = random_effects_table(model)
            yield Finding("random_effects", effects, "effect_distribution")
        frame = _base_and_mixed(fitted, model)
        classes = fitted.train.task.classes
        if classes:
            yield Finding("base_against_mixed", frame)
            yield Finding("roc_base_against_mixed", _roc(frame, classes), "roc")
        else:
            yield Finding("base_against_mixed", frame, "base_against_mixed")


def random_effects_table(model: Any) -> pd.DataFrame:
    """Stack the predicted effects of all factors; sd is missing where unknown."""
    spread = model.conditional_sd() if hasattr(model, "conditional_sd") else {}
    frames = []
    for factor, effects in model.random_effects_.items():
        for name in effects.columns:
            sd = spread[factor][name].to_numpy() if factor in spread else np.nan
            column = {"effect": effects[name].to_numpy(dtype=float), "sd": sd}
            labels = {"factor": str(factor), "group": effects.index.astype(str)}
            frames.append(pd.DataFrame({**labels, "name": str(name), **column}))
    return pd.concat(frames, ignore_index=True)


def _fit_table(model: Any) -> pd.DataFrame:
    found = {
        quantity: float(getattr(model, name))
        for quantity, name in FIT_QUANTITIES.items()
        if hasattr(model, name)
    }
    return pd.DataFrame({"quantity": list(found), "value": list(found.values())})


def _roc(frame: pd.DataFrame, classes: Sequence[Any]) -> pd.DataFrame:
    """Return the ROC curves of the test part without and with random effects."""
    test = frame[frame["part"].eq("test")]
    titles = {"base": "without random effects", "mixed": "with random effects"}
    curves = []
    for name, title in titles.items():
        table = np.column_stack([1.0 - test[name], test[name]])
        curve = roc_table(test["y_true"].to_numpy(), table, classes)
        curves.append(curve.assign(model=title))
    return pd.concat(curves, ignore_index=True)


def _base_and_mixed(fitted: FittedFold, model: Any) -> pd.DataFrame:
    """Predict both parts without and with the random effects."""
    population = copy.copy(model)  # its parameter is set, what was learned is shared
    population.set_params(known_groups="population")
    frames = []
    for part in ("train", "test"):
        X, rows = getattr(fitted, f"X_{part}"), getattr(fitted, f"{part}_rows")
        inside = fitted.estimator[:-1].transform(X)
        truth = getattr(fitted, part).target.to_numpy()
        table = getattr(fitted, f"probabilities_{part}")
        if table is None:
            base, mixed = (
                population.predict(inside),
                getattr(fitted, f"predicted_{part}"),
            )
        else:
            classes, name = fitted.dataset.task.classes, fitted.model
            known = class_probabilities(population, inside, classes, name)
            assert known is not None, "a model that gave probabilities a moment ago"
            base, mixed = known[:, -1], table[:, -1]
        values = {"y_true": truth, "base": base, "mixed": mixed}
        frames.append(pd.DataFrame({"row": rows, "part": part, **values}))
    return pd.concat(frames, ignore_index=True)
