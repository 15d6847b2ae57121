"""The picture of README and of the start page."""

import pandas as pd
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestRegressor

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.models import LinearMixedEffectsModel, LinearModel
from flexcv.plots import plot_fold_scores

SHORT = {"MERF(RandomForestRegressor)": "MERF(Random\nForestRegressor)",
         "LinearMixedEffectsModel": "LinearMixed\nEffectsModel",
         "RandomForestRegressor": "RandomForest\nRegressor"}  # fmt: skip


def scores() -> Figure:
    """Draw the test r2 of the README's four models."""
    cv = (
        CrossValidation()
        .set_data(load_sleepstudy(), "Reaction", groups="Subject", slopes="Days")
        .add_model(LinearModel)
        .add_model(LinearMixedEffectsModel)
        .add_model(
            RandomForestRegressor, model_kwargs={"min_samples_leaf": 5}, add_merf=True
        )
        .set_run(silence=["groups-ignored", "groups-new"])
    )
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, title, split in (
        (axes[0], "known drivers", "KFold"),
        (axes[1], "new drivers", "GroupKFold"),
    ):
        found: pd.DataFrame = cv.set_splits(split).perform().results.scores
        found = found.assign(model=found["model"].astype(str).replace(SHORT))
        plot_fold_scores(found, "r2", ax=ax).set_title(title)
    return figure


PICTURES = {"readme-scores": scores}
