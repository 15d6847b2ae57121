# %% [markdown]
# # Do houses of a county share more than a forest can see?

# %%
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from flexcv import CrossValidation
from flexcv.datasets import load_radon
from flexcv.merf import MERF
from flexcv.models import LinearMixedEffectsModel

radon = load_radon().drop(columns="basement")
forest = RandomForestRegressor(60, min_samples_leaf=10, random_state=0)

# %% Each model beside itself with random effects of the county.
cv = (
    CrossValidation()
    .set_data(radon, "log_radon", groups="county")
    .set_splits("KFold", n_splits_out=5)
    .add_model(forest, model_name="Forest")
    .add_model(LinearRegression)
    .add_model(LinearMixedEffectsModel)
    .set_merf(True)
    .set_run(silence=["groups-ignored", "identical-rows"])
)
known = cv.perform().get_results()
print("known counties\n", known.summary.loc["mean"].loc[["r2", "mse"]].round(3).T, "\n")

# %% The same chain for counties that training has not seen.
new = cv.set_splits("GroupKFold").perform().get_results()
print("new counties\n", new.summary.loc["mean"].loc[["r2", "mse"]].round(3).T, "\n")

# %% Uranium is constant within a county, so the forest recognises counties by it.
houses, level = radon.drop(columns="log_radon"), radon["log_radon"]
for features in (["floor", "log_uranium"], ["floor"]):
    model = MERF(forest, groups="county").fit(houses[[*features, "county"]], level)
    print(features, "leaves between counties:")
    print(model.variance_components_.round(3), "\n")

# %% How the last fit moved, and what it says of a known and of a new county.
print(model.trace_[["loglik", "sigma2", "county.Intercept", "change"]].round(4), "\n")
two = houses.head(1).loc[[0, 0]].assign(county=["AITKIN", "ELSEWHERE"])
print(model.predict_interval(two, level=0.9).round(2))
