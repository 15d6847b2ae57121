# %% [markdown]
# # Would this person curse? Known and new persons, with and without random effects

# %%
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from flexcv import CrossValidation
from flexcv.datasets import load_verbagg
from flexcv.models import GeneralizedLinearMixedModel

answers = load_verbagg().drop(columns=["resp", "item"])
encode = make_column_transformer(
    (OneHotEncoder(drop="first"), ["Gender", "btype", "situ", "mode"]),
    remainder="passthrough",
)
logit = make_pipeline(encode, LogisticRegression())
forest = make_pipeline(
    encode, RandomForestClassifier(40, min_samples_leaf=20, random_state=0)
)

# %% Logistic regression and forest, each beside itself with an effect of the person.
cv = (
    CrossValidation()
    .set_data(answers, "r2", groups="id")
    .set_splits("StratifiedKFold", n_splits_out=3)
    .add_model(logit, model_name="Logit")
    .add_model(GeneralizedLinearMixedModel, model_name="GLMM")
    .add_model(forest, model_name="Forest")
    .set_merf(True)
    .set_run(silence=["groups-ignored", "identical-rows"])
)
metrics = ["log_loss", "brier", "roc_auc"]
known = cv.perform().get_results()
print("known persons\n", known.summary.loc["mean"].loc[metrics].round(3).T, "\n")

# %% The same models for persons that training has not seen.
new = cv.set_splits("StratifiedGroupKFold").perform().get_results()
print("new persons\n", new.summary.loc["mean"].loc[metrics].round(3).T, "\n")

# %% A new person gets the mean probability over persons, not that of an average one.
model = GeneralizedLinearMixedModel("id").fit(answers.drop(columns="r2"), answers["r2"])
print(model.variance_components_.round(2), "\n")
row = answers.drop(columns="r2").query("Anger == 30").head(1).assign(id="nobody")
print("a new person:", model.predict_proba(row)[0, 1].round(3))
linear = model.predict_linear(row)
print("a person whose effect is zero:", model.family_.mean(linear)[0].round(3))
