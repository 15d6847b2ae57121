"""The least settings that boosting takes."""

from flexcv.models import MixedEffectsBoosting
from flexcv.models.trees import settings


def test_a_round_may_be_the_only_one_and_refresh_at_once():
    pace = settings.pace_of(MixedEffectsBoosting(refresh_every=1, max_iterations=1))
    assert (pace.every, pace.most) == (1, 1)
