"""Setups for tests of single checks."""

import pandas as pd

from flexcv.dataset import Task, make_dataset
from flexcv.evaluation import ScalingSettings
from flexcv.metrics import resolve_metrics
from flexcv.model_mapping import make_spec
from flexcv.preflight import Setup
from flexcv.resampling import SplitSettings, make_plan
from flexcv.resampling.registry import resolve_method


def setup_of(
    y, columns=None, split="KFold", models=(), groups=None, metrics=None, tuned=None
):
    """Return a setup; a target of texts is one of classes."""
    target = pd.Series(y, name="y")
    features = pd.DataFrame(columns or {"x": [float(k % 7) for k in range(len(y))]})
    dataset = make_dataset(features, target, groups)
    if not pd.api.types.is_numeric_dtype(target):
        dataset = dataset.with_task(Task(tuple(sorted(set(y), key=str))))
    settings = SplitSettings(
        resolve_method("split", split), n_splits_out=3, n_splits_in=2
    )
    plan = make_plan(dataset, settings, 0, with_inner=bool(tuned))
    specs = tuple(
        make_spec(model, model_name=f"model {k}", params=tuned)
        for k, model in enumerate(models)
    )
    metrics = () if metrics is None else resolve_metrics(metrics)
    return Setup(dataset, plan, specs, ScalingSettings(), metrics)


def findings(check, setup):
    """Return the level of what is told, and the words."""
    return list(check(setup))
