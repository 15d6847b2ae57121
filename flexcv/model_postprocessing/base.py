"""What a post-processor is: something that looks at a fitted fold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from flexcv.evaluation import FittedFold
from flexcv.results import Finding


class ModelPostProcessor(ABC):
    """Look at one fitted fold and give what was seen.

    A post-processor of your own implements `look`; it receives the fitted model,
    both parts of the fold and the predictions, and gives `Finding` records: a name,
    a tidy frame and, if there is a picture, a function that draws the frame.

    Examples
    --------
    >>> import pandas as pd
    >>> class Bias(ModelPostProcessor):
    ...     def look(self, fitted):
    ...         error = fitted.predicted_test - fitted.test.target
    ...         yield Finding("bias", pd.DataFrame({"bias": [error.mean()]}))
    """

    def __call__(self, fitted: FittedFold) -> Iterable[Finding]:
        """Look at a fitted fold."""
        return tuple(self.look(fitted))

    @abstractmethod
    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Give the findings about one fitted fold."""


def final_model(fitted: FittedFold) -> Any:
    """Give the fitted estimator itself, past the pipeline's table step."""
    return fitted.estimator[-1]
