"""Arguments of `fit`: those with a value per row cut to a part, and row weights."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from sklearn import get_config
from sklearn.utils.metadata_routing import get_routing_for_object

from flexcv._checks import listed
from flexcv._rows import take_arguments
from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.model_mapping import ModelSpec

WEIGHT = "sample_weight"
INSIDE = (
    "estimator",
    "regressor",
)  # parameters that hold what `fit` hands arguments to


def weight_argument(estimator: Any) -> str | None:
    """Name the argument of `fit` that takes row weights; None if there is none.

    A pipeline hands weights to its last step, or with scikit-learn's metadata routing
    to those that request them; what is put around a model, and does not
    name weights itself, hands them to what is inside.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> weight_argument(make_pipeline(Ridge())), weight_argument(KNeighborsRegressor())
    ('ridge__sample_weight', None)
    """
    steps = getattr(estimator, "steps", None)
    if steps and get_config()["enable_metadata_routing"]:
        return _requested(estimator)
    if steps:
        name, last = steps[-1]
        inner = weight_argument(last)
        return None if inner is None else f"{name}__{inner}"
    parameters = inspect.signature(estimator.fit).parameters
    if WEIGHT in parameters:
        return WEIGHT
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return _handed_on(estimator)
    return None


def _requested(pipeline: Any) -> str | None:
    """Name the argument that is routed to those steps that request it."""
    taken = get_routing_for_object(pipeline).consumes("fit", [WEIGHT])
    return WEIGHT if taken else None


def _handed_on(estimator: Any) -> str | None:
    """Name the argument that everything takes to which arguments are handed on."""
    several = getattr(estimator, "estimators", None) or ()  # of a stack or a vote
    alone = [getattr(estimator, name, None) for name in INSIDE]
    models = [each for _, each in several] or alone
    named = {weight_argument(each) for each in models if _is_model(each)}
    return named.pop() if len(named) == 1 else None


def fit_arguments(
    estimator: Any, spec: ModelSpec, dataset: Dataset, rows: IntArray
) -> dict[str, Any]:
    """Return the arguments of a fit to some rows: the user's own, and weights.

    Parameters
    ----------
    estimator
        What is fitted; without an argument for weights it gets none.
    spec
        The model. Weights that its `fit_params` name come before those of the table.
    dataset
        The whole table.
    rows
        Positions of the rows.
    """
    own: Mapping[str, Any] = take_arguments(spec.fit_params, rows, len(dataset))
    weights = dataset.weights_for("fit", rows)
    name = None if weights is None else weight_argument(estimator)
    return dict(own) if name is None else {name: weights, **own}


def weights_unread(
    dataset: Dataset, specs: tuple[ModelSpec, ...]
) -> Iterator[tuple[str, str]]:
    """Look for models whose fit takes no weights, although the data have some."""
    if dataset.weights is None or "fit" not in dataset.weights.reach:
        return
    names = [spec.name for spec in specs if weight_argument(spec.estimator) is None]
    if names:
        yield (
            "stop",
            f"the data have weights, but the fit of {listed(names)} takes none; use "
            "other models, leave 'fit' out of `weights_in` in set_data, or silence "
            "this to fit these models with all rows alike.",
        )


def _is_model(value: Any) -> bool:
    return callable(getattr(value, "fit", None)) and not isinstance(value, type)
