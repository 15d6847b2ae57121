"""Runs of known make, for the tests of comparisons."""

import numpy as np
import pandas as pd


def mse(y_true, y_pred):
    return float(np.mean((y_true - y_pred) ** 2))


def make_run(n_groups=12, n_repeats=1, n_folds=4, size=5, models=("A", "B"), seed=0):
    """Predictions of shrunken means, and their scores, as a run keeps them."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), size)
    y = rng.standard_normal(n_groups)[group] + rng.standard_normal(len(group))
    feature = y + rng.standard_normal(len(group))
    frames = []
    for repeat in range(n_repeats):
        fold = (rng.permutation(n_groups) % n_folds)[group]
        for number in range(n_folds):
            train = fold != number
            slope = np.polyfit(feature[train], y[train], 1)
            for place, model in enumerate(models):
                frames.append(
                    pd.DataFrame(
                        {
                            "model": model,
                            "repeat": repeat,
                            "fold": number,
                            "row": np.arange(len(y)),
                            "group": group,
                            "y_true": y,
                            "y_pred": np.polyval(slope, feature) * (1 - 0.5 * place),
                            "part": np.where(train, "train", "test"),
                        }
                    )
                )
    predictions = pd.concat(frames, ignore_index=True)
    return make_scores(predictions), predictions


def make_scores(predictions):
    rows = [
        (*key, "test", "mse", mse(part["y_true"], part["y_pred"]))
        for key, part in predictions.query("part == 'test'").groupby(
            ["model", "repeat", "fold"], sort=False
        )
    ]
    return pd.DataFrame(
        rows, columns=["model", "repeat", "fold", "part", "metric", "value"]
    )
