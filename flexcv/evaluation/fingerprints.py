"""What decides whether results may be used again: data, plan, models and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from flexcv.dataset import Dataset
from flexcv.metrics import Metric
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Plan

from .identity import Identity, identify, identify_all
from .scaling import ScalingSettings
from .tuning import TuningSettings


def run_fingerprints(
    dataset: Dataset, plan: Plan, scaling: ScalingSettings, seed: int
) -> dict[str, str]:
    """Fingerprint what all units of a run share, part by part.

    Extra columns count where a splitter sees them.
    """
    prints = {
        "data": data_identity(dataset).text,
        "plan": identify(plan.fingerprint).text,
        "seed": str(seed),
        "scaling": repr(scaling),
    }
    if dataset.extra is not None and plan.reads:
        prints["extra columns"] = identify(dataset.extra[list(plan.reads)]).text
    if dataset.weights is not None:
        prints["weights"] = identify(dataset.weights).text
    return prints


def run_identity(prints: Mapping[str, str]) -> str:
    """Return one text for the fingerprints of `run_fingerprints`."""
    return identify_all(sorted(prints.items())).text


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name the parts in which two fingerprints differ."""
    names = dict.fromkeys([*before, *now])
    return [name for name in names if before.get(name) != now.get(name)]


def data_identity(dataset: Dataset) -> Identity:
    """Identify a table by its values, of whatever type, and by the role of each."""
    return identify_all(
        [
            ("features", dataset.features),
            ("target", dataset.target),
            ("groups", dataset.groups),
            ("slopes", dataset.slopes),
            ("is_array", dataset.is_array),
            ("task", dataset.task),
        ]
    )


def model_identity(spec: ModelSpec, tuning: TuningSettings) -> Identity:
    """Identify what decides the predictions of one model.

    Post-processors only look at them; `processors_identity` tells those apart. A model
    without a search space does not depend on how others are tuned.

    Parameters
    ----------
    spec
        The model.
    tuning
        How the models of the run are tuned.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> one, other = ModelSpec("Ridge", Ridge(1.0)), ModelSpec("Ridge", Ridge(2.0))
    >>> model_identity(one, TuningSettings()) == model_identity(other, TuningSettings())
    False
    """
    arguments = sorted(spec.fit_params)
    parts: list[tuple[str, Any]] = [
        ("name", spec.name),
        ("estimator", spec.estimator),
        *((f"fit argument `{name}`", spec.fit_params[name]) for name in arguments),
        *((f"variant {each.name!r}", each.wrap) for each in spec.variants),
    ]
    if spec.early_stopping is not None:
        parts.append(("early stopping", spec.early_stopping))
    if spec.threshold is not None:
        parts.append(("threshold", spec.threshold))
    if spec.threshold == "inner":
        parts.append(("objective of the threshold", tuning.objective))
    if spec.is_tuned:
        parts.append(("search space", spec.search_space))
        parts += _tuning_parts(spec, tuning)
    return identify_all(parts)


def processors_identity(spec: ModelSpec) -> Identity:
    """Identify what looks at the fitted folds of one model."""
    return identify_all(
        (f"post-processor {place + 1}", processor)
        for place, processor in enumerate(spec.post_processors)
    )


def metric_identity(metric: Metric) -> Identity:
    """Identify a metric by its function, direction and name."""
    return identify(metric, f"metric {metric.name!r}")


def _tuning_parts(spec: ModelSpec, tuning: TuningSettings) -> list[tuple[str, Any]]:
    values = {each.name: getattr(tuning, each.name) for each in fields(tuning)}
    if spec.n_trials is not None:
        values["n_trials"] = spec.n_trials
    return [(f"tuning setting `{name}`", value) for name, value in values.items()]
