"""Go on from a fitted forest: drop its oldest trees and grow new ones.

Between two rounds the target changes little, and less each time, so the newer half of
the trees can stay. A refit then costs half, and the seed changes so that new trees
draw other rows than those that stay.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

STAYING = 0.5  # share of the trees that a refit keeps


def can_renew(learner: Any) -> bool:
    """Return whether a learner, or a pipeline's last step, is a forest that can go on.

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    >>> can_renew(RandomForestRegressor()), can_renew(GradientBoostingRegressor())
    (True, False)
    """
    if hasattr(learner, "steps"):
        return can_renew(learner.steps[-1][1])
    names = learner.get_params(deep=False)
    return bool({"warm_start", "n_estimators", "bootstrap", "max_depth"} <= set(names))


def renewed(fitted: Any) -> Any:
    """Return a copy of a fitted forest that keeps its newer trees and grows the rest.

    Parameters
    ----------
    fitted
        A fitted forest, or a pipeline that ends in one; it is not changed.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> X = np.arange(20.0)[:, None]
    >>> old = RandomForestRegressor(10, random_state=0).fit(X, X[:, 0])
    >>> new = renewed(old).fit(X, X[:, 0] + 100.0)
    >>> len(new.estimators_), new.estimators_[0] is old.estimators_[5]
    (10, True)
    """
    new = copy.copy(fitted)
    if hasattr(fitted, "steps"):
        name, last = fitted.steps[-1]
        new.steps = [*fitted.steps[:-1], (name, renewed(last))]
        return new
    n_new = len(fitted.estimators_) - int(STAYING * len(fitted.estimators_))
    new.estimators_ = list(fitted.estimators_[n_new:])
    new.warm_start = True
    if isinstance(fitted.random_state, int | np.integer):
        seeds = np.random.SeedSequence(int(fitted.random_state))
        new.random_state = int(seeds.generate_state(1)[0] % (2**31 - 1))
    return new
