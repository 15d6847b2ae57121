"""GPBoost, the peer of boosting with random effects, at fair settings.

Integer codes (text and category groups raise under pandas 3), one thread (forking after
its threads started hangs) and direct solvers, which is what one grouping factor gets.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import gpboost
import numpy as np
import pandas as pd

FEATURES = ["x1", "x2", "x3"]
LIKELIHOODS = {
    "gaussian": "gaussian",
    "binomial": "bernoulli_logit",
    "poisson": "poisson",
}
PATIENCE = 50


@dataclass(frozen=True, slots=True)
class Setting:
    """How GPBoost boosts.

    Parameters
    ----------
    learning_rate, n_rounds, max_depth, min_leaf, seed
        As their names say.
    """

    learning_rate: float
    n_rounds: int
    max_depth: int
    min_leaf: int
    seed: int = 0

    @property
    def params(self) -> dict[str, object]:
        """Parameters as GPBoost names them."""
        return {
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "num_leaves": 2**self.max_depth,
            "min_data_in_leaf": self.min_leaf,
            "seed": self.seed,
            "verbose": -1,
            "num_threads": 1,
        }


SETTINGS = {
    "gaussian": (
        Setting(0.1, 300, 5, 20),
        Setting(0.1, 600, 5, 20),
        Setting(0.05, 600, 5, 20),
    ),
    "binomial": (
        Setting(0.1, 100, 5, 20),
        Setting(0.1, 300, 5, 20),
        Setting(0.05, 100, 5, 20),
    ),
    "poisson": (
        Setting(0.05, 100, 5, 10),
        Setting(0.05, 200, 5, 20),
        Setting(0.1, 100, 5, 20),
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """A fitted GPBoost model and what it cost.

    Attributes
    ----------
    booster
        The model.
    variances
        Residual (only for a normal target) and group variance.
    seconds
        CPU seconds.
    """

    booster: gpboost.Booster
    variances: np.ndarray
    seconds: float

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """Return the expected target."""
        return self._predicted(table)["response_mean"]

    def inside(self, table: pd.DataFrame, target: np.ndarray) -> float:
        """Return the share of a normal target inside 95 % intervals."""
        found = self._predicted(table, predict_var=True)
        half = 1.959964 * np.sqrt(found["response_var"])
        return float((np.abs(target - found["response_mean"]) <= half).mean())

    def _predicted(self, table: pd.DataFrame, **more: bool) -> dict[str, np.ndarray]:
        return self.booster.predict(
            table[FEATURES].to_numpy(),
            group_data_pred=table["group"].to_numpy(),
            pred_latent=False,
            **more,
        )


def rival(
    table: pd.DataFrame, target: np.ndarray, family: str, setting: Setting
) -> Rival:
    """Fit GPBoost with one setting."""
    began = time.process_time()
    groups = _model(table, family)
    booster = gpboost.train(
        params=setting.params,
        train_set=gpboost.Dataset(table[FEATURES].to_numpy(), target),
        gp_model=groups,
        num_boost_round=setting.n_rounds,
    )
    spent = time.process_time() - began
    return Rival(booster, np.ravel(groups.get_cov_pars()), spent)


def rounds_by_cross_validation(
    table: pd.DataFrame, target: np.ndarray, family: str, setting: Setting
) -> tuple[int, float]:
    """Let GPBoost choose the number of rounds on five folds of rows, and its cost."""
    began = time.process_time()
    order = np.random.default_rng(0).permutation(len(target))
    parts = [np.sort(part) for part in np.array_split(order, 5)]
    everything = np.arange(len(target))
    found = gpboost.cv(
        params=setting.params,
        train_set=gpboost.Dataset(table[FEATURES].to_numpy(), target),
        gp_model=_model(table, family),
        num_boost_round=setting.n_rounds,
        early_stopping_rounds=PATIENCE,
        folds=[(np.setdiff1d(everything, part), part) for part in parts],
        use_gp_model_for_validation=True,
        verbose_eval=False,
    )
    losses = next(values for name, values in found.items() if name.endswith("-mean"))
    return int(np.argmin(losses)) + 1, time.process_time() - began


def _model(table: pd.DataFrame, family: str) -> gpboost.GPModel:
    return gpboost.GPModel(
        group_data=table["group"].to_numpy(),
        likelihood=LIKELIHOODS[family],
        num_parallel_threads=1,
    )
