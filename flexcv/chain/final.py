"""The model that is kept: a unit of work whose training part is the whole table."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pandas as pd

from flexcv._checks import near_miss
from flexcv.evaluation import UnitSettings, run_unit
from flexcv.evaluation.packages import packages_of
from flexcv.evaluation.unit_tuning import model_seed
from flexcv.final import FinalModel
from flexcv.final.agreement import agreement_of
from flexcv.final.card import ModelCard
from flexcv.final.out_of_fold import Misses, misses_of
from flexcv.final.schema import table_schema
from flexcv.model_mapping import ModelSpec
from flexcv.records import FoldResult
from flexcv.resampling.whole import whole_fold
from flexcv.results import CrossValidationResults

from .compile import Job


def spec_called(specs: tuple[ModelSpec, ...], name: str) -> ModelSpec:
    """Return the model of a name, with that variant alone where a variant has it.

    Raises
    ------
    KeyError
        When there is none.
    """
    known = []
    for spec in specs:
        variants = tuple(one for one in spec.variants if one.name == name)
        if name == spec.name or variants:
            return replace(spec, variants=variants)
        known += [spec.name, *(variant.name for variant in spec.variants)]
    hint = near_miss(name, known) or f"; known are {', '.join(known)}."
    raise KeyError(f"no model is called {name!r}{hint}")


def final_model(job: Job, results: CrossValidationResults, name: str) -> FinalModel:
    """Fit a model to all rows as the folds were fitted, and say what is known of it.

    Parameters
    ----------
    job
        What was run.
    results
        What came of it.
    name
        The model's name in the results.
    """
    spec = replace(spec_called(job.specs, name), post_processors=())
    design, dataset = job.design, job.dataset
    seed, with_inner = design.run.random_seed, spec.looks_inside
    fold = whole_fold(dataset, job.splits, job.plan, seed, with_inner=with_inner)
    settings = UnitSettings(design.scaling, design.tuning)
    unit = run_unit(fold, spec, dataset, settings)
    [fitted] = [result for result in unit if result.model == name]
    card = _card(job, results, fitted, model_seed(fold, spec.name))
    inputs = fitted.estimator[0].inputs_
    read = [column for column in dataset.group_names if column in inputs]
    classes, schema = dataset.task.classes, table_schema(dataset, read)
    misses = Misses() if classes else _misses(results, name)
    return FinalModel(fitted.estimator, card, schema, misses, classes)


def _card(
    job: Job, results: CrossValidationResults, fitted: FoldResult, random_state: int
) -> ModelCard:
    folds = [fold for fold in results.folds if fold.model == fitted.model]
    said = results.information
    versions = {"python": said["python"], **said["versions"]}
    return ModelCard(
        name=fitted.model,
        made=dt.datetime.now(dt.UTC).date().isoformat(),
        question=job.plan.question,
        plan=_plan(job, results, folds),
        facts=results.facts,
        scores=_scores(results, fitted.model),
        agreement=agreement_of(fitted.chosen, [fold.chosen for fold in folds]),
        random_state=random_state,
        learned=fitted.learned,
        warnings=fitted.warnings,
        versions=versions | packages_of(fitted.estimator),
    )


def _scores(results: CrossValidationResults, name: str) -> pd.DataFrame:
    """Return a model's score with its interval, a row per metric."""
    rows = {m.name: results.interval(m.name).loc[name] for m in results.metrics}
    return pd.DataFrame(rows).T.rename_axis("metric").reset_index().infer_objects()


def _plan(
    job: Job, results: CrossValidationResults, folds: list[FoldResult]
) -> dict[str, Any]:
    """Say how the score was measured."""
    plan = job.plan
    return {
        "outer": plan.outer,
        "inner": plan.inner,
        "n_folds": len(plan) // plan.n_repeats,
        "n_repeats": plan.n_repeats,
        "known_groups": dict(plan.known),
        "random_seed": job.design.run.random_seed,
        "fingerprint": plan.fingerprint,
        "is_partial": results.is_partial,
        "n_failed": sum(bool(fold.error) for fold in folds),
    }


def _misses(results: CrossValidationResults, name: str) -> Misses:
    predictions = results.predictions
    is_ours = predictions["model"].eq(name) & predictions["part"].eq("test")
    return misses_of(predictions[is_ours])
