# %% [markdown]
# # Which model predicts reaction times best, for known and for new subjects?

# %%
from sklearn.ensemble import RandomForestRegressor

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.models import LinearMixedEffectsModel, LinearModel

table = load_sleepstudy()

# %% One chain: data with roles, a split, the models.
cv = (
    CrossValidation()
    .set_data(table, "Reaction", groups="Subject", slopes="Days")
    .set_splits("KFold")
    .add_model(LinearModel)
    .add_model(LinearMixedEffectsModel)
    .add_model(RandomForestRegressor, model_kwargs={"min_samples_leaf": 5})
    .set_merf(True, em_max_iterations=10)
    .set_run(silence=["groups-ignored"])
)

# %% Known subjects: every subject is in training and test.
known = cv.perform().get_results()
print("known subjects\n", known.summary.loc["mean"].round(2).T, "\n")

# %% New subjects: the same chain with another split.
new = cv.set_splits("GroupKFold").perform().get_results()
print("new subjects\n", new.summary.loc["mean"].round(2).T, "\n")

# %% A fitted model predicts on the table it came from.
model = known.get_best_model_by_metric("LinearMixedEffectsModel", "r2")
print(model.predict(table.head(3)).round(1))
print(model["model"].variance_components_.round(1))
