"""Which features a model relies on."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from flexcv.evaluation import FittedFold
from flexcv.results import Finding

from .base import ModelPostProcessor, final_model


class RandomForestModelPostProcessor(ModelPostProcessor):
    """Rank the features of a forest, or of any model with `feature_importances_`.

    Gives the finding ``"importance"`` with the columns feature and importance:
    the mean decrease in impurity, which sums to one and favours features with many
    distinct values.

    Raises
    ------
    TypeError
        When the model has no `feature_importances_`.
    """

    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Give the importances of one fitted forest."""
        model = final_model(fitted)
        importances = getattr(model, "feature_importances_", None)
        if importances is None:
            raise TypeError(
                f"{type(self).__name__} needs a model with `feature_importances_`, "
                f"got {type(model).__name__}; choose another post-processor."
            )
        frame = pd.DataFrame(
            {"feature": list(fitted.X_train.columns), "importance": importances}
        )
        ranked = frame.sort_values("importance", ascending=False, ignore_index=True)
        yield Finding("importance", ranked)
