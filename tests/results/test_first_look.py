from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy


def answer_of(*alphas):
    cv = CrossValidation().set_data(load_sleepstudy(), "Reaction", groups="Subject")
    cv.set_splits("GroupKFold", n_splits_out=3).add_model(DummyRegressor)
    for number, alpha in enumerate(alphas):
        cv.add_model(Ridge(alpha), model_name=f"ridge {number}")
    return repr(cv.perform().get_results()).splitlines()[2]


def test_models_of_the_same_score_are_named_beside_the_best():
    assert answer_of(1.0, 1.0, 100.0).endswith(
        "; bootstrap over 18 groups); 'ridge 1' the same to all digits shown."
    )
    assert "the same" not in answer_of(1.0, 1000.0)
