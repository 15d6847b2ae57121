"""Track a run: a forest, MERF around it and a linear mixed model, in MLflow's pages."""

# %% The data: reaction times of drivers who sleep too little
from importlib.util import find_spec
from pathlib import Path

from optuna.distributions import IntDistribution
from sklearn.ensemble import RandomForestRegressor

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.models import LinearMixedEffectsModel

table = load_sleepstudy()

# The folder alone needs nothing; MLflow needs: pip install 'flexcv[mlflow]'
TRACKER = "mlflow" if find_spec("mlflow") else None

# %% Describe the run; every setting is written down with it
cv = (
    CrossValidation()
    .set_data(table, "Reaction", "Subject", "Days", dataset_name="sleepstudy")
    .set_splits("KFold", n_splits_out=3, n_splits_in=3)
    .add_model(LinearMixedEffectsModel)
    .add_model(
        RandomForestRegressor,
        model_kwargs={"n_estimators": 20, "bootstrap": True},
        params={
            "min_samples_leaf": IntDistribution(1, 20),
            "max_depth": IntDistribution(1, 8),
        },
        add_merf=True,
    )
    .set_inner_cv(n_trials=10)
    .set_merf(em_max_iterations=15)
    .set_run("tracked-run", tracker=TRACKER, silence="groups-ignored")
)

# %% Perform it: the folder and MLflow are told while it runs
results = cv.perform().get_results()
print(results.summary.loc["mean"].round(2).T)
print("Open the pages with: python -m flexcv ui")
assert (Path("tracked-run") / "tracking" / "run.json").is_file()
