# %% [markdown]
# # Radon in houses of known and of new counties: four models, two reports

# %%
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor

from flexcv import CrossValidation
from flexcv.datasets import load_radon
from flexcv.model_postprocessing import (
    LMERModelPostProcessor,
    MERFModelPostProcessor,
    RandomForestModelPostProcessor,
)
from flexcv.models import LinearMixedEffectsModel

table = load_radon().drop(columns="basement")

# %% A baseline, a mixed model, a forest and MERF around it, under two plans.
cv = (
    CrossValidation()
    .set_data(table, "log_radon", groups="county", dataset_name="Radon in Minnesota")
    .set_splits(["KFold", "GroupKFold"])
    .add_model(DummyRegressor, model_name="Mean")
    .add_model(
        LinearMixedEffectsModel, model_name="LMM", post_processor=LMERModelPostProcessor
    )
    .add_model(
        RandomForestRegressor,
        model_name="Forest",
        model_kwargs={"min_samples_leaf": 10, "n_estimators": 50},
        post_processor=[
            RandomForestModelPostProcessor(shap=False),
            MERFModelPostProcessor,
        ],
        add_merf=True,
    )
    .set_run(random_seed=1, silence=["groups-ignored", "groups-unused"])
)
plans = cv.perform().get_results()

# %% Who predicts best, and how sure is that?
print(plans.table("r2").round(3), "\n")
for plan, results in plans.items():
    print(plan)
    print(results.interval("r2").round(3).to_string(), "\n")
    for sentence in results.compare("r2")["sentence"]:
        print(" ", sentence)
    print()

# %% All of it on one page per plan, which opens anywhere.
for path in plans.report("reports", title="Radon in houses of Minnesota"):
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
