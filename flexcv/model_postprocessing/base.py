"""What a post-processor is: something that looks at a fitted fold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from flexcv.arrays import IntArray
from flexcv.evaluation import FittedFold
from flexcv.evaluation.steps import flat_steps, inner_table
from flexcv.results import Finding


class ModelPostProcessor(ABC):
    """Look at one fitted fold and give what was seen.

    A post-processor of your own implements `look`; it receives the fitted model,
    both parts of the fold and the predictions, and gives `Finding` records: a name,
    a tidy frame and, if there is a picture, a function of (frame, axes) that draws
    the frame. `results.findings` then has them by model and name, over all folds.

    Attributes
    ----------
    for_variants
        Whether it looks at what is put around a model, such as MERF, instead of at
        the model itself.

    Examples
    --------
    >>> import pandas as pd
    >>> class Bias(ModelPostProcessor):
    ...     def look(self, fitted):
    ...         error = fitted.predicted_test - fitted.test.target
    ...         yield Finding("bias", pd.DataFrame({"bias": [error.mean()]}))
    """

    for_variants: ClassVar[bool] = False

    def __call__(self, fitted: FittedFold) -> Iterable[Finding]:
        """Look at a fitted fold."""
        return tuple(self.look(fitted))

    @abstractmethod
    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Return the findings about one fitted fold."""


def final_model(fitted: FittedFold) -> Any:
    """Return the fitted estimator itself, past the steps of all pipelines."""
    return flat_steps(fitted.estimator)[-1]


def final_table(fitted: FittedFold, X: pd.DataFrame) -> pd.DataFrame:
    """Return a table as the fitted estimator itself reads it, with named columns."""
    return inner_table(fitted.estimator, X)


def require(model: Any, names: Iterable[str], owner: ModelPostProcessor) -> None:
    """Refuse a model that lacks what a post-processor looks at."""
    for name in names:
        if not hasattr(model, name):
            raise TypeError(
                f"{type(owner).__name__} needs a model with `{name}`, "
                f"got {type(model).__name__}; choose another post-processor."
            )


def rows_of(dataset: Any, size: int) -> IntArray:
    """Choose rows that lie evenly over a part, at most so many."""
    places = np.linspace(0, len(dataset) - 1, min(size, len(dataset)))
    return np.unique(places.round().astype(np.intp))
