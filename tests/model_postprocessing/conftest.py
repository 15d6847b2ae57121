import numpy as np
import pandas as pd
import pytest

from flexcv import CrossValidation


@pytest.fixture(scope="session")
def grouped():
    rng = np.random.default_rng(3)
    group = np.repeat([f"g{number}" for number in range(12)], 10)
    X = pd.DataFrame(rng.normal(size=(120, 3)), columns=["strong", "weak one", "none"])
    effects = rng.normal(size=12).repeat(10)
    y = 3 * X["strong"] + 0.5 * X["weak one"] + effects + rng.normal(size=120) * 0.5
    return X, y.rename("y"), pd.Series(group, name="subject")


@pytest.fixture(scope="session")
def performed(grouped):
    """Perform a small run of one model with post-processors."""

    def perform(model, post_processor, *, merf=False, scale=True, **kwargs):
        cv = (
            CrossValidation()
            .set_data(*grouped)
            .set_splits(n_splits_out=3, scale_out=scale)
            .add_model(model, post_processor=post_processor, model_kwargs=kwargs)
            .set_merf(merf, em_max_iterations=30)
            .set_run(silence=["groups-ignored", "groups-unused"])
        )
        return cv.perform().get_results()

    return perform
