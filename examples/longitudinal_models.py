# %% [markdown]
# # Four models of one longitudinal table: which tells a driver's next day best?

# %%
from pathlib import Path

from sklearn.ensemble import RandomForestRegressor

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.models import (
    DeepMixtureLMM,
    LinearMixedEffectsModel,
    NeuralMixedEffectsRegressor,
)

table = load_sleepstudy()
table["Days"] = table["Days"].astype(float)

# %% Each names its groups, its slopes and its times as columns; the rest is one chain.
network = NeuralMixedEffectsRegressor(hidden_layer_sizes=(16,), n_epochs=60)
cv = (
    CrossValidation()
    .set_data(table, "Reaction", groups="Subject", slopes="Days")
    .set_splits("KFold", n_splits_out=3, scale_out=False)
    .add_model(LinearMixedEffectsModel, model_name="LMM")
    .add_model(network, model_name="Neural")
    .add_model(DeepMixtureLMM(time="Days", n_components=(2, 1)), model_name="Curves")
    .add_model(
        RandomForestRegressor(60, min_samples_leaf=5),
        model_name="Forest",
        add_merf=True,
    )
    .set_run("drivers", random_seed=1, silence="groups-ignored")
)
results = cv.perform().get_results()
print(results.summary.loc["mean"].loc[["r2", "mse", "mae"]].T.round(2), "\n")

# %% Every model that searches in steps left its curve, here and in the folder.
steps = results.traces.groupby("model")["iteration"].max().rename("last step")
print(steps.to_frame(), "\n")
curves = sorted(path.parent.name for path in Path("drivers").rglob("convergence.svg"))
print("curves drawn of:", ", ".join(curves))
