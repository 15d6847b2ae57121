"""Which learners look at the target before the part of them that predicts.

A pipeline that selects, encodes or bins its features with the target has seen every
row's target when its last step leaves rows out, and out-of-bag and in-sample values of
that step are not honest. Only refits of the whole pipeline are. A step reads the target

1. if it says so: by the tag ``target_tags.required``, by a `fit` that cannot be called
   without one, or by resampling rows;
2. not, if it is scikit-learn's own, holds neither estimator nor function, and does
   not say so;
3. else if a fit without the target fails or transforms the rows in another way.

Pipelines, unions of features and transformers of columns read it if one of their parts
does. Members of a bagged ensemble repeat all of their steps in every bag, and count as
one step that predicts.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import get_tags

from flexcv.arrays import FloatArray

PARTS = ("steps", "transformers", "transformer_list")  # named parts of a container


def reads_target_early(learner: Any, X: Any, target: FloatArray) -> bool:
    """Return whether a step before the one that predicts reads the target.

    Parameters
    ----------
    learner
        A regressor or a pipeline; it is not changed.
    X, target
        Rows to try steps on that do not tell.

    Examples
    --------
    >>> from sklearn.feature_selection import SelectKBest, f_regression
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> reads_target_early(make_pipeline(StandardScaler(), Ridge()), X, X[:, 0])
    False
    >>> best = SelectKBest(f_regression, k=1)
    >>> reads_target_early(make_pipeline(best, Ridge()), X, X[:, 0])
    True
    """
    *early, last = _flat_steps(learner)
    told = [_says(step) for step in early]
    if True in told or _hides_a_reader(last):
        return True
    if None not in told:
        return False
    for step, answer in zip(early, told, strict=True):
        if answer is None and _is_moved(step, X, target):
            return True
        X = _transformed(clone(step), X, target)[0]
    return False


def _flat_steps(learner: Any) -> list[Any]:
    """Return all steps in order, the one that predicts last."""
    if not hasattr(learner, "steps"):
        return [learner]
    *early, last = [step for _, step in learner.steps]
    return [step for step in early if _is_fitted_at_all(step)] + _flat_steps(last)


def _is_fitted_at_all(step: Any) -> bool:
    return step is not None and not isinstance(step, str)


def _says(step: Any) -> bool | None:
    """Return whether a step says that it reads the target; None if it does not tell."""
    parts = [part for name in PARTS for part in _parts(step, name)]
    if parts and _is_of_scikit_learn(step):
        told = [_says(part) for part in parts]
        return True if True in told else None if None in told else False
    if get_tags(step).target_tags.required or hasattr(step, "fit_resample"):
        return True
    if _cannot_do_without(step):
        return True
    return False if _is_of_scikit_learn(step) and not _nested(step) else None


def _parts(container: Any, name: str) -> Iterator[Any]:
    found = getattr(container, name, None)
    if isinstance(found, list | tuple):
        yield from (part[1] for part in found if _is_fitted_at_all(part[1]))


def _is_of_scikit_learn(step: Any) -> bool:
    return type(step).__module__.startswith("sklearn.")


def _cannot_do_without(step: Any) -> bool:
    """Return whether the second argument of `fit`, the target, has no default."""
    taken = list(inspect.signature(step.fit).parameters.values())[1:2]
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return any(p.kind is positional and p.default is p.empty for p in taken)


def _nested(step: Any) -> list[Any]:
    """Return estimators and functions among the settings of a step, at any depth."""
    settings = step.get_params(deep=True).values()
    return [value for value in settings if hasattr(value, "fit") or callable(value)]


def _hides_a_reader(last: Any) -> bool:
    """Return whether the step that predicts holds a transformer that may read it."""
    params = last.get_params(deep=False)
    if "oob_score" in params:
        return False
    inner = [part for part in _nested(last) if hasattr(part, "transform")]
    return any(_says(part) is not False for part in inner)


def _is_moved(step: Any, X: Any, target: FloatArray) -> bool:
    """Return whether a step does something else with the target than without it."""
    try:
        without = _transformed(clone(step), X)
    except Exception:  # noqa: BLE001 - whatever it misses, it misses the target
        return True
    pairs = zip(_transformed(clone(step), X, target), without, strict=True)
    return not all(_are_equal(one, other) for one, other in pairs)


def _transformed(step: Any, X: Any, *target: FloatArray) -> tuple[Any, Any]:
    """Return the rows as training makes them, and as prediction does."""
    if hasattr(step, "fit_transform"):
        trained = step.fit_transform(X, *target)
        return trained, step.transform(X)
    trained = step.fit(X, *target).transform(X)
    return trained, trained


def _are_equal(one: Any, other: Any) -> bool:
    one, other = (np.asarray(v.toarray() if issparse(v) else v) for v in (one, other))
    if one.shape != other.shape:
        return False
    if one.dtype.kind in "fiub" and other.dtype.kind in "fiub":
        return bool(np.allclose(one, other, rtol=1e-9, atol=0.0, equal_nan=True))
    return bool(np.array_equal(one, other))
