"""What is asked of the target: a number, or one of several classes.

Decided once, from the target and the models, before anything is split or fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import is_classifier, is_regressor

from flexcv._checks import listed, near_miss


@dataclass(frozen=True, slots=True)
class Task:
    """Return what kind of prediction a run asks for.

    Parameters
    ----------
    classes
        All classes of the target, sorted as scikit-learn sorts them; empty when the
        target is a number. Of two classes the last is the positive one, and one that
        the user calls positive is put last.

    Examples
    --------
    >>> task = Task(("no", "yes"))
    >>> task.kind, task.columns
    ('binary', ('proba_no', 'proba_yes'))
    """

    classes: tuple[Any, ...] = ()

    @property
    def is_classification(self) -> bool:
        """Return whether classes are predicted."""
        return bool(self.classes)

    @property
    def kind(self) -> str:
        """Return ``"regression"``, ``"binary"`` or ``"multiclass"``."""
        if not self.classes:
            return "regression"
        return "binary" if len(self.classes) == 2 else "multiclass"

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the column of each class's probability in `results.predictions`."""
        return tuple(f"proba_{label}" for label in self.classes)

    @property
    def labels(self) -> npt.NDArray[Any]:
        """The classes as an array of the kind that models are given."""
        return label_array(self.classes)

    def as_known(self, predicted: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return predictions as a user knows them: numbers, or labels of classes.

        Parameters
        ----------
        predicted
            Numbers, or places among all classes, shape (n_rows,).
        """
        return np.asarray(self.labels[predicted]) if self.classes else predicted


REGRESSION = Task()


def label_array(classes: Sequence[Any]) -> npt.NDArray[Any]:
    """Return labels as an array; texts as objects, as a table holds them."""
    has_text = any(isinstance(label, str) for label in classes)
    return np.asarray(classes, dtype=object) if has_text else np.asarray(classes)


def decide_task(
    target: pd.Series[Any], models: Mapping[str, Any], positive: Any = None
) -> Task:
    """Decide whether numbers or classes are predicted.

    The models decide: classifiers predict classes, anything else numbers, so that a
    target of 0 and 1 is a number to a regressor. Without models the target does:
    texts, categories and truth values are classes.

    Parameters
    ----------
    target
        The target, without missing values.
    models
        Estimators by name.
    positive
        The positive one of two classes; None takes the last.

    Raises
    ------
    TypeError, ValueError
        When models and target do not fit together.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression, LogisticRegression
    >>> target = pd.Series([0, 1, 1, 0], name="y")
    >>> decide_task(target, {"Logit": LogisticRegression()}).classes
    (0, 1)
    >>> decide_task(target, {"OLS": LinearRegression()}).kind
    'regression'
    """
    classifiers = [name for name, model in models.items() if predicts_classes(model)]
    others = [name for name in models if name not in classifiers]
    if classifiers and others:
        raise ValueError(
            f"{listed(classifiers)} predicts classes but {listed(others)} numbers; "
            "one run scores one kind of prediction, so describe a chain for each."
        )
    if others:
        _refuse_labels(target, others[0])
        if positive is not None:
            raise ValueError(
                f"`positive` names a class, {positive!r}, but {others[0]!r} predicts "
                "numbers; leave it out, or use classifiers."
            )
        return REGRESSION
    if not models and not _are_labels(target):
        return REGRESSION
    if classifiers:
        _refuse_continuous(target, classifiers[0])
    classes = classes_of(target)
    if len(classes) < 2:
        raise ValueError(
            f"the target {target.name!r} has one class only, {classes[0]!r}; a "
            "classifier needs at least two."
        )
    return Task(classes if positive is None else with_last(classes, positive))


def with_last(classes: tuple[Any, ...], positive: Any) -> tuple[Any, ...]:
    """Put the positive one of two classes last.

    Parameters
    ----------
    classes
        Both of them.
    positive
        One of them, or how it is written.

    Examples
    --------
    >>> with_last(("case", "control"), "case")
    ('control', 'case')
    """
    if len(classes) != 2:
        raise ValueError(
            f"`positive` is for two classes and the target has {len(classes)}; leave "
            "it out."
        )
    found = [label for label in classes if label == positive]
    found += [label for label in classes if str(label) == positive]
    if found:
        return (*(label for label in classes if label != found[0]), found[0])
    hint = near_miss(positive, [str(label) for label in classes])
    raise ValueError(
        f"`positive` is no class of the target, got {positive!r}"
        f"{hint or f'; it has {listed(classes)}.'}"
    )


def predicts_classes(estimator: Any) -> bool:
    """Return whether an estimator is a classifier or gives class probabilities.

    One that says it is a regressor is one, also if it has `predict_proba`, as models
    that predict distributions have.
    """
    kind = _kind_said(estimator)
    return gives_probabilities(estimator) if kind is None else kind == "classifier"


def _kind_said(estimator: Any) -> str | None:
    """Return "classifier" or "regressor" where an estimator says so."""
    try:
        if is_classifier(estimator):
            return "classifier"
        return "regressor" if is_regressor(estimator) else None
    except AttributeError:  # an estimator without scikit-learn's tags
        said = getattr(estimator, "_estimator_type", None)
        return said if said in {"classifier", "regressor"} else None


def gives_probabilities(estimator: Any) -> bool:
    """Return whether an estimator has `predict_proba`, as far as it knows yet."""
    return callable(getattr(estimator, "predict_proba", None))


def gives_decisions(estimator: Any) -> bool:
    """Return whether an estimator has `decision_function`, as far as it knows yet."""
    return callable(getattr(estimator, "decision_function", None))


def classes_of(target: pd.Series[Any]) -> tuple[Any, ...]:
    """Return the distinct values of a target, sorted, as plain Python values."""
    if isinstance(target.dtype, pd.CategoricalDtype):
        target = target.cat.remove_unused_categories()
        found: Any = target.cat.categories.to_numpy()
    else:
        found = target.unique()
    return tuple(np.sort(label_array(np.asarray(found).tolist())).tolist())


def _are_labels(target: pd.Series[Any]) -> bool:
    is_number = pd.api.types.is_numeric_dtype(target.dtype)
    return not is_number or pd.api.types.is_bool_dtype(target.dtype)


def _refuse_labels(target: pd.Series[Any], model: str) -> None:
    if not pd.api.types.is_numeric_dtype(target.dtype):
        raise TypeError(
            f"the target {target.name!r} holds labels such as {target.iloc[0]!r}, but "
            f"{model!r} predicts numbers; use a classifier (a mixed model becomes one "
            "by family='binomial'), or encode the target as numbers."
        )


def _refuse_continuous(target: pd.Series[Any], model: str) -> None:
    if not pd.api.types.is_float_dtype(target.dtype):
        return
    values = target.to_numpy(dtype=float)
    broken = values[values != np.round(values)]
    if len(broken):
        raise ValueError(
            f"{model!r} is a classifier but the target {target.name!r} is continuous, "
            f"with values such as {broken[0]:.6g}; pass classes, or use a regressor."
        )
