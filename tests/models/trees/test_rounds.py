from dataclasses import replace

import numpy as np
import pytest

from flexcv.models.design.columns import RandomDesign
from flexcv.models.gaussian.residual_effects import distinct_columns, starting_effects
from flexcv.models.trees.rounds import Checkpoint, followed

NOTHING = np.zeros(0)


def checkpoints(*logliks):
    random = distinct_columns(RandomDesign((), 100), np.ones(100))
    for number, loglik in enumerate(logliks, 1):
        state = replace(starting_effects(random), loglik=loglik)
        yield Checkpoint(number, (), state, NOTHING, NOTHING, 0.0, 0.0)


@pytest.mark.parametrize(
    ("logliks", "best"),
    [((-3.0, -2.0, -2.5, -2.4), 2), ((-3.0, -2.0, -2.0 + 1e-12, -2.0 + 2e-12), 2)],
    ids=["falls", "rises by rounding"],
)
def test_boosting_goes_back_to_where_the_likelihood_last_rose(logliks, best):
    found = followed(checkpoints(*logliks), 2, lambda now, before: False)
    assert found.best.n_trees == best
    assert found.settled
