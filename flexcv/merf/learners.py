"""Which learner is fitted to what, for each kind of outcome."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from flexcv.arrays import FloatArray
from flexcv.models.alternating._link_scale import (
    OnLinkScale,
    learns_rates,
)
from flexcv.models.alternating._target_scale import on_target_scale
from flexcv.models.alternating.family_outcome import FamilyOutcome
from flexcv.models.alternating.learner_rows import LearnerRows
from flexcv.models.alternating.outcomes import NormalOutcome, Outcome
from flexcv.models.gaussian.residual_effects import SOLVERS
from flexcv.models.laplace.families import family_of

from .limited_targets import refuse_limited_targets

SMALLEST_LEAF = 5  # single labels make logits of forests that follow every row


def chosen_learner(given: Any, family: str | None) -> Any:
    """Return the learner, a forest by default, or refuse one that does not fit."""
    if given is None:
        return _forest(family)
    if is_classifier(given) and family != "binomial":
        raise ValueError(
            f"MERF around the classifier {type(given).__name__} needs "
            f"family='binomial', got {family!r}; set it, or pass a regressor."
        )
    if is_classifier(given) and not hasattr(given, "predict_proba"):
        raise ValueError(
            f"MERF needs a classifier that predicts probabilities, and "
            f"{type(given).__name__} has no predict_proba; switch its probabilities "
            "on, or pass a regressor, which is fitted to the working response."
        )
    return given


def on_its_scale(learner: Any, family: str | None) -> Any:
    """Wrap a learner that models probabilities or rates, so that it gives the link."""
    return OnLinkScale(learner) if _is_direct(learner, family) else learner


def prepared(learner: Any, family: str | None, target: FloatArray) -> Any:
    """Return a learner that can be fitted to the target less any effects, or refuse.

    Parameters
    ----------
    learner
        What `on_its_scale` gives.
    family
        That of MERF.
    target
        What it is fitted to at first.
    """
    if isinstance(learner, OnLinkScale):
        return learner
    refuse_limited_targets(learner, family)
    return learner if family else on_target_scale(learner, target)


def outcome_of(
    learner: Any, rows: LearnerRows, family: str | None, solver: str, n_quadrature: int
) -> Outcome:
    """Return the outcome that the alternation asks.

    Parameters
    ----------
    learner
        What `on_its_scale` gives.
    rows
        The training rows.
    family, solver, n_quadrature
        Settings of MERF.
    """
    if family is None:
        solve = SOLVERS["profile" if solver == "auto" else solver]
        return NormalOutcome(rows.random, rows.target, solve)
    direct = isinstance(learner, OnLinkScale)
    return FamilyOutcome(
        rows.random, rows.target, family_of(family), direct, n_quadrature
    )


def refuse_normal_settings(family: str, solver: str, warm_start: bool) -> None:
    """Refuse what is written for normal outcomes."""
    if solver not in ("auto", "profile"):
        raise ValueError(
            f"solver={solver!r} is for normal outcomes, got it with family={family!r}; "
            "leave `solver` out."
        )
    if warm_start:
        raise ValueError(
            "warm_start=True is for normal outcomes, got it with family="
            f"{family!r}; leave `warm_start` out."
        )


def _forest(family: str | None) -> Any:
    """Return a forest; leaves of labels and counts hold more rows than one."""
    if family is None:
        return RandomForestRegressor()
    kind = RandomForestClassifier if family == "binomial" else RandomForestRegressor
    return kind(min_samples_leaf=SMALLEST_LEAF)


def _is_direct(learner: Any, family: str | None) -> bool:
    if family == "binomial":
        return bool(is_classifier(learner))
    return family == "poisson" and learns_rates(learner)
