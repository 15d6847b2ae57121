"""Post-processors that changed look again at models that were kept."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flexcv.dataset import Dataset
from flexcv.model_mapping import ModelSpec
from flexcv.records import FoldResult
from flexcv.resampling import Fold

from .roles import grouping_columns
from .thresholds import without_threshold
from .unit import FittedFold, findings_of, processors_of, texts_of


def look_again(
    results: tuple[FoldResult, ...],
    fitted: Mapping[str, Any],
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
) -> tuple[FoldResult, ...] | None:
    """Replace the findings of a unit; nothing is fitted.

    Parameters
    ----------
    results
        Of the model and its variants.
    fitted
        Their fitted pipelines, by model.
    fold, spec, dataset
        As `run_unit` takes them.

    Returns
    -------
    The results, or None when a fitted model is missing.
    """
    seen = []
    for result in results:
        processors = processors_of(spec, for_variants=result.model != spec.name)
        if result.test is None or result.train is None or not processors:
            seen.append(replace(result, findings=()))
            continue
        if result.model not in fitted:
            return None
        pipeline = without_threshold(fitted[result.model])
        parts = result.train, result.test
        groups = grouping_columns(pipeline[-1], dataset)
        one = FittedFold.of(result.model, pipeline, groups, parts, fold, dataset)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            findings = tuple(findings_of(processors, one))
        told = tuple(dict.fromkeys((*result.warnings, *texts_of(caught))))
        seen.append(replace(result, findings=findings, warnings=told))
    return tuple(seen)
