"""What a linear mixed model tells of its search for the variances."""

import numpy as np
import pytest

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.models import LinearMixedEffectsModel


def sleepstudy():
    table = load_sleepstudy()
    return table.drop(columns="Reaction"), table["Reaction"]


def test_the_search_is_kept_iteration_by_iteration() -> None:
    table, y = sleepstudy()
    model = LinearMixedEffectsModel("Subject", ("Days",)).fit(table, y)

    trace = model.trace_

    assert trace["iteration"].tolist() == list(range(len(trace)))
    assert trace["criterion"].iloc[-1] == pytest.approx(model.criterion_, abs=1e-9)
    last = trace[["theta_0", "theta_1", "theta_2"]].iloc[-1]
    np.testing.assert_allclose(last, model.theta_, rtol=1e-9)
    assert trace["criterion"].diff().iloc[1:].max() < 1e-8


def test_without_random_effects_there_is_no_search_to_tell() -> None:
    table, y = sleepstudy()
    assert not hasattr(LinearMixedEffectsModel().fit(table[["Days"]], y), "trace_")


def test_a_trace_is_asked_of_a_fitted_model_only() -> None:
    assert not hasattr(LinearMixedEffectsModel("Subject"), "trace_")


def test_the_chain_keeps_the_search_of_every_fold() -> None:
    cv = CrossValidation()
    cv.set_data(load_sleepstudy(), "Reaction", groups="Subject", slopes="Days")
    cv.set_splits("GroupKFold", n_splits_out=2).add_model(LinearMixedEffectsModel)

    results = cv.perform().get_results()

    last = results.traces.groupby("fold")["criterion"].last()
    kept = [
        pipeline[-1].criterion_ for pipeline in results.estimators[results.models[0]]
    ]
    np.testing.assert_allclose(last, kept, atol=1e-9)
