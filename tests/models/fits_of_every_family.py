"""Fit every family to one table and keep the predictions of new rows.

Run as ``python fits_of_every_family.py predictions.npz`` with OPENBLAS_CORETYPE set;
keeps the kernels of linear algebra that were used as well.
"""

import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pandas as pd
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_info

from flexcv.merf import MERF
from flexcv.models import (
    DeepMixtureLMM,
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    MixedEffectsBoosting,
    NeuralMixedEffectsRegressor,
    PenalizedGeneralizedMixedModel,
    PenalizedLinearMixedModel,
)

CROSSED = ["g", "h"]
SPREADS = (1.0, 0.0)  # of the group effects


def table(seed, n_rows=240, n_groups=15, spread=1.0):
    """Rows of crossed groups, with a target of numbers, of labels and of counts.

    The numbers come from a matrix product, so that they too differ in the last digit.
    """
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=list("abcd"))
    X["e"] = rng.integers(0, 4, n_rows)
    X["g"], X["h"] = np.arange(n_rows) % n_groups, rng.integers(0, 10, n_rows)
    effects = spread * rng.normal(size=(n_groups, 2))[X["g"]]
    fixed = np.where(X["a"] > 0.0, 1.5, -1.0) * (X["b"] > 0.3) + np.sin(2.0 * X["c"])
    fixed += X[list("abcd")].to_numpy() @ np.array([0.3, 0.2, -0.4, 0.7])
    eta = (0.5 * fixed + 0.7 * effects[:, 0]).to_numpy()
    y = fixed + effects[:, 0] + 0.6 * effects[:, 1] * X["a"] + rng.normal(size=n_rows)
    targets = {
        "gaussian": y.to_numpy(),
        "binomial": (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-eta))).astype(int),
        "poisson": rng.poisson(np.exp(np.clip(eta, -3.0, 3.0))).astype(float),
    }
    return X, targets


def curves(seed=0, n=40, times=8):
    """Lines of three kinds, one per group."""
    rng = np.random.default_rng(seed)
    g, a = np.repeat(np.arange(n), times), np.tile(np.linspace(0.0, 1.0, times), n)
    kind = g % 3
    y = np.array([0.0, 1.5, -1.0])[kind] + np.array([1.0, -2.0, 0.5])[kind] * a
    y += 0.4 * rng.normal(size=n)[g] + 0.2 * rng.normal(size=len(g))
    return pd.DataFrame({"a": a, "g": g}), {"gaussian": y}


def merf(estimator, groups="g", **settings):
    settings = {"random_state": 1, "max_iterations": 10} | settings
    return MERF(estimator, groups, **settings)


def boosting(groups="g", **settings):
    settings = {"random_state": 1, "max_iterations": 60} | settings
    return MixedEffectsBoosting(groups, **settings)


def models():
    """Every family, by name."""
    chosen, steps = {"alpha": "cv"}, {"n_estimators": 15}
    found = {
        "linear": LinearMixedEffectsModel("g", ("a",)),
        "linear, crossed": LinearMixedEffectsModel(CROSSED),
        "generalised": GeneralizedLinearMixedModel("g", family="binomial"),
        "generalised, counts": GeneralizedLinearMixedModel("g", family="poisson"),
        "lasso": PenalizedLinearMixedModel("g", ("a",), penalty="l1", **chosen),
        "ridge": PenalizedLinearMixedModel("g", penalty="l2", **chosen),
        "penalised, counts": PenalizedGeneralizedMixedModel(
            "g", family="poisson", folds=3, n_alphas=20, **chosen
        ),
        "boosting": boosting(slopes=("a",)),
        "boosting, exact": boosting(learner="exact"),
        "boosting, few leaves": boosting(max_leaf_nodes=6, subsample=0.7),
        "boosting, crossed": boosting(CROSSED),
        "boosting, labels": boosting(family="binomial"),
        "boosting, counts": boosting(family="poisson"),
        "tree": merf(DecisionTreeRegressor()),
        "tree, slopes": merf(DecisionTreeRegressor(), slopes=("a",)),
        "tree, EM": merf(DecisionTreeRegressor(), solver="em"),
        "tree, crossed": merf(DecisionTreeRegressor(), CROSSED),
        "tree, labels": merf(
            DecisionTreeRegressor(min_samples_leaf=5), family="binomial"
        ),
        "forest": merf(RandomForestRegressor(20)),
        "forest, labels": merf(RandomForestClassifier(20), family="binomial"),
        "forest, counts": merf(
            RandomForestRegressor(20, min_samples_leaf=5), family="poisson"
        ),
        "extra trees": merf(ExtraTreesRegressor(20, bootstrap=True)),
        "gradient boosting": merf(GradientBoostingRegressor(**steps)),
        "histogram boosting": merf(HistGradientBoostingRegressor(max_iter=10)),
        "linear learner": merf(Ridge(), slopes=("a",)),
        "logistic learner": merf(LogisticRegression(), family="binomial"),
        "mixture": DeepMixtureLMM("g", "a", n_components=(3, 2), random_state=1),
    }
    if find_spec("torch") is not None:
        found["network"] = NeuralMixedEffectsRegressor("g", n_epochs=10, random_state=1)
    return found


def predictions(name, model, spread):
    """Fit a model and predict new rows, in deviations of the target."""
    family = getattr(model, "family", None) or "gaussian"
    (X, targets), (X_new, _) = table(3, spread=spread), table(4, spread=spread)
    if name == "mixture":
        X, targets = curves()
        X_new = X
    fitted = model.fit(X, targets[family])
    last = fitted.predict_proba if family == "binomial" else fitted.predict
    return np.ravel(last(X_new)) / np.std(targets[family])


def every_prediction():
    """Return the predictions of all models, by name.

    Without group effects searches end on a bound, where they begin several times.
    """
    return {
        f"{name}, spread {spread}": predictions(name, model, spread)
        for name, model in models().items()
        for spread in SPREADS
        if spread or name not in ("mixture", "network")
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    kernels = [str(found.get("architecture")) for found in threadpool_info()]
    np.savez(sys.argv[1], kernels=kernels, **every_prediction())
