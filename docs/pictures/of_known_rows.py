"""Pictures of guides/known-rows.md."""

from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestRegressor

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.models import LinearMixedEffectsModel


def drivers() -> Figure:
    """Draw the error of four models by the number of known days."""
    cv = CrossValidation().set_data(
        load_sleepstudy(), "Reaction", groups="Subject", slopes="Days"
    )
    cv = cv.set_splits(
        "GroupKFold",
        n_splits_out=18,
        time="Days",
        time_within="groups",
        known_rows=range(6),
        metrics="mse",
    )
    cv = cv.add_model(LinearMixedEffectsModel, model_name="LMM")
    forest = RandomForestRegressor(50)
    cv = cv.add_model(forest, model_name="Forest", add_merf=True)
    figure: Figure = cv.perform().results.plot.known_rows().figure
    return figure


PICTURES = {"known-rows/drivers": drivers}
