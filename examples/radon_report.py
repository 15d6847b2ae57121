# %% [markdown]
# # Radon in houses of new counties: four models, one report

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

# %% A baseline, a mixed model, a forest and MERF around it, on whole counties.
cv = (
    CrossValidation()
    .set_data(table, "log_radon", groups="county", dataset_name="Radon in Minnesota")
    .set_splits("GroupKFold")
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
    .set_merf(em_max_iterations=30)
    .set_run(random_seed=1, silence=["groups-unused"])
)
results = cv.perform().get_results()

# %% Who predicts best, and how sure is that?
print(results.interval("r2").round(3).to_string(), "\n")
for sentence in results.compare("r2")["sentence"]:
    print(sentence)

# %% All of it on one page that opens anywhere.
page = results.report("radon.html", title="Radon in houses of new counties")
print(f"\nradon.html: {len(page) / 1e6:.1f} MB")
