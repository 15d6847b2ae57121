"""Draw the pictures of README and guides: python docs/make_pictures.py."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestRegressor

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.models import LinearMixedEffectsModel, LinearModel
from flexcv.plots import plot_fold_scores

IMAGES = Path(__file__).parent / "images"


def readme_scores() -> Figure:
    """Draw the test r2 of the README's four models."""
    cv = (
        CrossValidation()
        .set_data(load_sleepstudy(), "Reaction", groups="Subject", slopes="Days")
        .add_model(LinearModel)
        .add_model(LinearMixedEffectsModel)
        .add_model(
            RandomForestRegressor, model_kwargs={"min_samples_leaf": 5}, add_merf=True
        )
        .set_run(silence=["groups-ignored"])
    )
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, title, split in (
        (axes[0], "known drivers", "KFold"),
        (axes[1], "new drivers", "GroupKFold"),
    ):
        scores: pd.DataFrame = cv.set_splits(split).perform().results.scores
        plot_fold_scores(scores, "r2", ax=ax).set_title(title)
    return figure


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    readme_scores().savefig(IMAGES / "readme-scores.png", dpi=120)
