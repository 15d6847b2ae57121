import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.base import BaseEstimator
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv import ModelConfigDict, ModelMappingDict
from flexcv.model_mapping import make_spec, specs_from_mapping

ALPHA = {"alpha": FloatDistribution(0.1, 10)}


def processor(fitted):
    return []


def test_a_class_and_an_instance_make_the_same_model():
    from_class = make_spec(Ridge, model_kwargs={"alpha": 3.0})
    from_instance = make_spec(Ridge(alpha=3.0))
    assert from_class.name == from_instance.name == "Ridge"
    assert from_class.estimator.get_params() == from_instance.estimator.get_params()


def test_the_users_instance_and_dictionaries_stay_as_they_were():
    model, kwargs = Ridge(), {"alpha": 3.0}
    spec = make_spec(model, model_kwargs=kwargs)
    assert spec.estimator is not model
    assert model.alpha == 1.0
    mapping = ModelMappingDict(
        {"a": ModelConfigDict({"model": model, "model_kwargs": kwargs})}
    )
    specs_from_mapping(mapping)
    assert mapping == {"a": {"model": model, "model_kwargs": {"alpha": 3.0}}}


def test_a_pipeline_is_named_by_its_last_step_and_tuned_inside():
    pipeline = make_pipeline(StandardScaler(), Ridge())
    spec = make_spec(pipeline, params={"ridge__alpha": FloatDistribution(0.1, 1)})
    assert spec.name == "Pipeline(Ridge)"
    assert spec.is_tuned


def test_nested_parameters_of_ensembles_are_known():
    space = {"estimator__alpha": FloatDistribution(0.1, 1)}
    assert make_spec(BaggingRegressor(Ridge()), params=space).search_space == space


def test_params_alone_ask_for_tuning_and_false_refuses_it():
    assert make_spec(Ridge, params=ALPHA).is_tuned
    assert not make_spec(Ridge, False, params=ALPHA).is_tuned
    assert not make_spec(Ridge).is_tuned


def test_post_processors_come_as_class_instance_or_list():
    class Processor:
        def __call__(self, fitted):
            return []

    for given in (Processor, Processor(), [Processor, processor]):
        assert all(
            callable(entry)
            for entry in make_spec(Ridge, post_processor=given).post_processors
        )


def test_callbacks_reach_the_constructor_that_takes_them():
    class WithCallbacks(Ridge):
        def __init__(self, callbacks=None):
            super().__init__()
            self.callbacks = callbacks

    assert make_spec(WithCallbacks, callbacks=[print]).estimator.callbacks == [print]


def test_callbacks_reach_the_fit_that_takes_them():
    class FitsWithCallbacks(Ridge):
        def fit(self, X, y, callbacks=None):
            return self

    assert make_spec(FitsWithCallbacks, callbacks=[print]).fit_params == {
        "callbacks": [print]
    }


REFUSED = {
    "not an estimator": (
        lambda: make_spec(3),
        "`model_class` must be a scikit-learn estimator, as a class or an instance, "
        "got 3; it needs fit, predict, get_params and set_params.",
    ),
    "near miss in kwargs": (
        lambda: make_spec(RandomForestRegressor, model_kwargs={"n_estimator": 5}),
        "RandomForestRegressor has no parameter 'n_estimator'; did you mean 'n_estimators'?",
    ),
    "near miss in params": (
        lambda: make_spec(RandomForestRegressor, params={"maxdepth": IntDistribution(1, 2)}),
        "RandomForestRegressor has no parameter 'maxdepth'; did you mean 'max_depth'?",
    ),
    "params without distribution": (
        lambda: make_spec(Ridge, params={"alpha": [1, 2]}),
        "model 'Ridge': `params['alpha']` must be an Optuna distribution, got [1, 2]; "
        "use model_kwargs for a fixed value.",
    ),
    "nothing to tune": (
        lambda: make_spec(Ridge, True),
        "model 'Ridge' has requires_inner_cv=True but nothing to tune; "
        "pass `params` with at least one Optuna distribution.",
    ),
    "flag as text": (
        lambda: make_spec(Ridge, "yes"),
        "`requires_inner_cv` must be True, False or None, got 'yes'.",
    ),
    "callbacks nowhere": (
        lambda: make_spec(LinearRegression, callbacks=[print]),
        "`callbacks` were given but LinearRegression takes none, neither when it is "
        "made nor in fit; leave them out.",
    ),
    "trials": (
        lambda: make_spec(Ridge, params=ALPHA, n_trials=0),
        "`n_trials` must be at least 1, got 0.",
    ),
    "post-processor": (
        lambda: make_spec(Ridge, post_processor="plots"),
        "`post_processor` must be a class, an instance or a list of them, each "
        "callable with a fitted fold, got 'plots'.",
    ),
    "unknown key": (
        lambda: specs_from_mapping({"a": {"model": Ridge, "n_trial": 5}}),
        "model 'a': unknown key 'n_trial'; did you mean 'n_trials'?",
    ),
    "no model": (
        lambda: specs_from_mapping({"a": {}}),
        "model 'a' has no key 'model'; give a class there.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_unusable_settings_are_refused_in_one_sentence(case):
    call, message = REFUSED[case]
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert str(caught.value) == message


class Taciturn(BaseEstimator):
    """Lists only the parameters that were set, as CatBoost does."""

    def __init__(self, depth=None, rate=None):
        self.given = {
            name: value
            for name, value in (("depth", depth), ("rate", rate))
            if value is not None
        }

    def get_params(self, deep=True):
        return dict(self.given)

    def set_params(self, **params):
        self.given |= params
        return self

    def fit(self, X, y):
        return self


@pytest.mark.parametrize(
    ("model", "name"),
    [(Taciturn(), "depth"), (make_pipeline(Taciturn()), "taciturn__depth")],
)
def test_parameters_that_are_not_listed_can_be_tuned(model, name):
    space = {name: IntDistribution(1, 3)}
    assert make_spec(model, params=space).search_space == space
    assert make_spec(model, model_kwargs={name: 2}).estimator.get_params()[name] == 2


def test_parameters_that_nobody_takes_are_refused_still():
    with pytest.raises(
        ValueError, match="has no parameter 'dept'; did you mean 'depth'"
    ):
        make_spec(Taciturn(), params={"dept": IntDistribution(1, 3)})
