"""Which features a model relies on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance

from flexcv._checks import check_integer
from flexcv.evaluation import FittedFold
from flexcv.evaluation.answers import class_probabilities
from flexcv.metrics import log_loss
from flexcv.results import Finding

from .attributions import ShapSettings, forest_attributions, xgboost_attributions
from .base import ModelPostProcessor, final_model, final_table, require


class RandomForestModelPostProcessor(ModelPostProcessor):
    """Rank the features of a forest, or of any model with `feature_importances_`.

    Gives the finding ``"importance"`` with the columns feature and importance: the
    mean decrease in impurity, which sums to one and favours features with many
    distinct values. With the extra `shap` also ``"shap_train"`` and ``"shap_test"``:
    what each feature adds to each prediction.

    Parameters
    ----------
    shap
        Whether to compute SHAP values; None does where the extra `shap` is installed
        and the model is one that it knows.
    max_rows
        Of each part, at most so many rows are explained.

    Raises
    ------
    TypeError
        When the model has no `feature_importances_`.
    MissingExtraError
        When `shap` is True and the package is missing.
    """

    def __init__(self, shap: bool | None = None, max_rows: int = 100) -> None:
        self._settings = ShapSettings(shap, max_rows)

    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Return importances and SHAP values of one fitted forest."""
        model = final_model(fitted)
        require(model, ["feature_importances_"], self)
        names = final_table(fitted, fitted.X_train.head(1)).columns
        yield _ranked(names, model.feature_importances_)
        yield from forest_attributions(fitted, self._settings)


class XGBoostModelPostProcessor(ModelPostProcessor):
    """Rank the features of an XGBoost model by the gain of their splits.

    Gives the finding ``"importance"`` (the share of a feature in the total gain),
    and ``"shap_train"`` and ``"shap_test"``, for which XGBoost needs no extra.

    Parameters
    ----------
    shap
        Whether to compute SHAP values.
    max_rows
        Of each part, at most so many rows are explained.
    """

    def __init__(self, shap: bool = True, max_rows: int = 100) -> None:
        self._settings = ShapSettings(shap, max_rows)

    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Return importances and SHAP values of one fitted model."""
        model = final_model(fitted)
        require(model, ["get_booster"], self)
        names = list(final_table(fitted, fitted.X_train.head(1)).columns)
        gains = model.get_booster().get_score(importance_type="total_gain")
        numbered = [f"f{number}" for number in range(len(names))]
        found = np.array(
            [
                gains.get(str(name), gains.get(number, 0.0))
                for name, number in zip(names, numbered, strict=True)
            ]
        )
        yield _ranked(names, found / (found.sum() or 1.0))
        yield from xgboost_attributions(fitted, self._settings)


class PermutationImportancePostProcessor(ModelPostProcessor):
    """Rank the columns of any model by what shuffling them costs on the test part.

    Gives the finding ``"permutation_importance"``: feature, importance (how much the
    score falls) and std (over shuffles). Grouping columns that the model reads are
    among the features.

    Parameters
    ----------
    scoring
        One of scikit-learn's scorers; by default importance is the increase of the
        root mean squared error, in units of the target, and of classes that of the
        log loss (of the error rate, for a model without probabilities).
    n_repeats
        How often each column is shuffled.
    random_state
        Seeds the shuffling.
    """

    def __init__(
        self,
        scoring: Any = None,
        n_repeats: int = 5,
        random_state: int = 0,
    ) -> None:
        self._scoring = scoring
        self._n_repeats = check_integer("n_repeats", n_repeats, 1)
        self._random_state = check_integer("random_state", random_state, 0)

    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Return the importances on one test part."""
        found = permutation_importance(
            fitted.estimator,
            fitted.X_test,
            fitted.test.target.to_numpy(),
            scoring=self._scoring or _default_scoring(fitted),
            n_repeats=self._n_repeats,
            random_state=self._random_state,
        )
        names = fitted.X_test.columns
        yield _ranked(
            names,
            found.importances_mean,
            name="permutation_importance",
            std=found.importances_std,
        )


class SVRModelPostProcessor(ModelPostProcessor):
    """Look at a support vector regression.

    Gives ``"support"`` (how many support vectors there are, and their share),
    ``"permutation_importance"`` and, with a linear kernel, ``"coefficients"`` (of more
    than two classes none).

    Parameters
    ----------
    n_repeats, random_state
        As in `PermutationImportancePostProcessor`.
    """

    def __init__(self, n_repeats: int = 5, random_state: int = 0) -> None:
        self._importance = PermutationImportancePostProcessor(
            n_repeats=n_repeats, random_state=random_state
        )

    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Return the findings about one fitted model."""
        model = final_model(fitted)
        require(model, ["support_", "kernel"], self)
        count = len(model.support_)
        frame = pd.DataFrame(
            {
                "kernel": [str(model.kernel)],
                "n_support": [count],
                "share": [count / len(fitted.train)],
            }
        )
        yield Finding("support", frame)
        if model.kernel == "linear" and model.coef_.shape[0] == 1:
            names = list(final_table(fitted, fitted.X_train.head(1)).columns)
            values = np.ravel(model.coef_)
            yield Finding(
                "coefficients", pd.DataFrame({"name": names, "estimate": values})
            )
        yield from self._importance(fitted)


def _default_scoring(fitted: FittedFold) -> Any:
    """Return the score whose fall is the importance, by what is predicted."""
    task = fitted.test.task
    if not task.is_classification:
        return "neg_root_mean_squared_error"
    if fitted.probabilities_test is None:
        return "accuracy"
    return _negative_log_loss(task.classes)


def _negative_log_loss(classes: Sequence[Any]) -> Any:
    """Return a scorer that also works where a part lacks some of the classes."""

    def scorer(estimator: Any, X: Any, y: Any) -> float:
        table = class_probabilities(estimator, X, classes, "the model")
        response = table[:, -1] if len(classes) == 2 else table  # type: ignore[index]
        return -log_loss(y, response, classes)

    return scorer


def _ranked(
    names: Iterable[Any], importances: Any, name: str = "importance", **more: Any
) -> Finding:
    columns = {"feature": [str(n) for n in names], "importance": importances, **more}
    frame = pd.DataFrame(columns)
    ranked = frame.sort_values("importance", ascending=False, ignore_index=True)
    return Finding(name, ranked, "importance")
