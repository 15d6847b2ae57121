import importlib.util
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from flexcv.datasets import load_sleepstudy
from flexcv.errors import (
    ConvergenceWarning,
    MissingExtraError,
    ModelError,
    NotIdentifiableError,
    RankDeficiencyWarning,
)
from flexcv.models import (
    LinearMixedEffectsModel,
    NeuralMixedEffectsClassifier,
    NeuralMixedEffectsRegressor,
)
from flexcv.models.design._effects import Columns

torch = pytest.importorskip("torch", reason="torch is not installed")


def drawn(seed=0, n_groups=30, n_rows=12, slope=0.0):
    """A bent fixed part, group effects and noise of variance 1/4."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), n_rows)
    x = rng.normal(size=(len(group), 2))
    b = rng.normal(size=(n_groups, 2))
    f = 2.0 * np.sin(x[:, 0]) + 0.5 * x[:, 1]
    eta = f + b[group, 0] + slope * b[group, 1] * x[:, 1]
    table = pd.DataFrame({"x1": x[:, 0], "x2": x[:, 1], "group": group})
    return table, eta, rng


def normal(seed=0, **options):
    table, eta, rng = drawn(seed, **options)
    return table, eta + 0.5 * rng.normal(size=len(eta))


def quick(groups="group", slopes=(), **settings):
    return NeuralMixedEffectsRegressor(
        groups, slopes, **{"n_epochs": 8, "random_state": 0} | settings
    )


# -- a scikit-learn estimator --

REASON = "batches are cut from rows, and rows that come twice are two"
UNEQUAL_DRAWS = {
    f"check_sample_weight_equivalence_on_{kind}_data": REASON
    for kind in ("dense", "sparse")
}


@parametrize_with_checks(
    [
        NeuralMixedEffectsRegressor(n_epochs=40, hidden_layer_sizes=(16,)),
        NeuralMixedEffectsClassifier(n_epochs=40, hidden_layer_sizes=(16,)),
    ],
    expected_failed_checks=lambda _: UNEQUAL_DRAWS,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore::flexcv.errors.RankDeficiencyWarning")
def test_scikit_learns_checks_pass_without_groups(estimator, check):
    check(estimator)


def test_kinds_are_told():
    assert is_regressor(NeuralMixedEffectsRegressor())
    assert is_classifier(NeuralMixedEffectsClassifier())


def test_a_grid_search_tunes_the_layers():
    X, y = normal(n_groups=10)
    search = GridSearchCV(quick(), {"hidden_layer_sizes": [(4,), (16, 8)]}, cv=2)
    assert search.fit(X, y).best_params_["hidden_layer_sizes"] in [(4,), (16, 8)]


# -- the model --


def test_a_linear_network_is_the_maximum_likelihood_mixed_model():
    X = load_sleepstudy()
    y = X.pop("Reaction")
    linear = LinearMixedEffectsModel("Subject", "Days", reml=False).fit(X, y)
    model = quick("Subject", "Days", hidden_layer_sizes=(), early_stopping=None)
    model.fit(X, y)
    assert model.loglik_ == pytest.approx(linear.loglik_, abs=1e-6)
    wanted = linear.variance_components_["variance"]
    np.testing.assert_allclose(model.variance_components_["variance"], wanted, 1e-4)
    np.testing.assert_allclose(
        model.random_effects_["Subject"], linear.random_effects_["Subject"], atol=0.01
    )


@pytest.mark.parametrize("random", ["(1 | group)", "(1 | group) + (1 | other)"])
def test_linear_slopes_are_learned_by_gradients_as_well(random):
    X, y = normal(n_groups=20)
    y += 0.7 * np.random.default_rng(5).normal(size=6)[np.arange(240) % 6]
    X = X.assign(other=np.arange(240) % 6)
    wanted = LinearMixedEffectsModel(random=random, reml=False, formula="x1 + x2").fit(
        X, y
    )
    model = quick(None, random=random, hidden_layer_sizes=(), n_epochs=60)
    model.set_params(early_stopping=None, weight_decay=0.0)
    model.fit(X[["x1", "x2", "group", "other"][: 3 + ("other" in random)]], y)
    got = model.variance_components_["variance"].to_numpy()
    expected = wanted.variance_components_["variance"].to_numpy()
    np.testing.assert_allclose(got, expected, rtol=0.01)
    assert model.loglik_ == pytest.approx(wanted.loglik_, abs=0.05)


def test_variances_and_correlation_of_slopes_are_found():
    rng = np.random.default_rng(3)
    group, t = np.repeat(np.arange(100), 10), np.tile(np.linspace(0, 1, 10), 100)
    effects = rng.multivariate_normal([0, 0], [[1.0, 0.5], [0.5, 1.5]], 100)
    x = rng.normal(size=1000)
    y = 2.0 * np.sin(2.0 * x) + effects[group, 0] + effects[group, 1] * t
    y += 0.3 * rng.normal(size=1000)
    X = pd.DataFrame({"x": x, "t": t, "group": group})
    model = quick("group", "t", n_epochs="auto").fit(X, y)
    found = model.random_part_.covariances[0]
    realised = effects.T @ effects / 100
    assert np.linalg.norm(found - realised) < 0.15 * np.linalg.norm(realised)
    assert model.sigma_ == pytest.approx(0.3, rel=0.25)


def test_new_groups_get_the_population_and_wider_intervals():
    X, y = normal()
    model = quick(n_epochs=40).fit(X, y)
    both = X.head(1).loc[[0, 0]].assign(group=[0, 99])
    interval = model.predict_interval(both, level=0.9)
    width = (interval["upper"] - interval["lower"]).to_numpy()
    assert width[1] > 1.5 * width[0]
    population = clone(model).set_params(known_groups="population").fit(X, y)
    assert population.predict(X.head(1))[0] == pytest.approx(interval.iloc[1, 0])


@pytest.mark.slow
def test_intervals_hold_new_rows():
    X, y = normal(n_groups=100, n_rows=20)
    train = np.arange(2000) % 20 < 15
    model = quick(n_epochs="auto").fit(X[train], y[train])
    interval = model.predict_interval(X[~train])
    inside = (y[~train] > interval["lower"]) & (y[~train] < interval["upper"])
    assert inside.mean() == pytest.approx(0.95, abs=0.03)


def test_the_level_of_the_network_is_no_group_effect():
    X, y = normal(n_rows=60)
    model = quick(n_epochs=2).fit(X, y + 100.0)
    effects = model.random_effects_["group"]["Intercept"]
    assert abs(effects.mean()) < 0.05
    assert model.variance_components_["variance"][0] < 3.0


def test_groups_longer_than_a_batch_are_learned_from():
    X, y = normal(n_groups=4, n_rows=150)
    model = quick(n_epochs=40, batch_size=16).fit(X, y)
    assert r2_score(y, model.predict(X)) > 0.9


def test_a_group_of_one_row_takes_part():
    X, y = normal()
    X.loc[0, "group"] = 77
    model = quick().fit(X, y)
    assert 77 in model.random_effects_["group"].index


def test_categories_are_features():
    X, y = normal()
    X["kind"] = np.where(np.arange(len(X)) % 2, "a", "b")
    model = quick().fit(X, y + 3.0 * (X["kind"] == "a"))
    assert model.fixed_encoder_.names[-1] == "kind[T.b]"


def test_a_network_of_the_users_own_is_trained():
    def wide(n_features):
        return torch.nn.Sequential(
            torch.nn.Linear(n_features, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.ReLU(),
            torch.nn.Linear(8, 1),
        )

    X, y = normal()
    model = quick(network=wide, n_epochs=30).fit(X, y)
    assert isinstance(model.network_[1], torch.nn.BatchNorm1d)
    assert r2_score(y, model.predict(X)) > 0.8


# -- binary and counts --


@pytest.mark.slow
def test_a_binary_model_ranks_and_finds_the_variance():
    X, eta, rng = drawn(1, n_groups=60, n_rows=40)
    y = np.where(rng.uniform(size=len(eta)) < 1.0 / (1.0 + np.exp(-eta)), "yes", "no")
    model = NeuralMixedEffectsClassifier("group", random_state=0).fit(X, y)
    effects = (eta - 2.0 * np.sin(X["x1"]) - 0.5 * X["x2"])[::40]
    variance = model.variance_components_["variance"]
    assert variance.tolist() == pytest.approx([np.mean(effects**2)], rel=0.25)
    score = roc_auc_score(y, model.predict_proba(X)[:, 1])
    assert score > roc_auc_score(y, eta) - 0.02
    assert list(model.classes_) == ["no", "yes"]
    assert set(model.predict(X)) == {"no", "yes"}


def test_a_new_group_gets_the_mean_probability_over_groups():
    X, eta, rng = drawn(1)
    y = rng.uniform(size=len(eta)) < 1.0 / (1.0 + np.exp(-eta))
    model = NeuralMixedEffectsClassifier("group", n_epochs=20, random_state=0)
    new = model.fit(X, y).predict_proba(X.assign(group=-1))[:, 1]
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    sd = np.sqrt(model.variance_components_["variance"][0])
    eta0 = model._fixed_part(Columns(X))
    mean = (1 / (1 + np.exp(-(eta0[:, None] + sd * nodes)))) @ weights
    np.testing.assert_allclose(new, mean / np.sqrt(2 * np.pi), atol=1e-6)


@pytest.mark.parametrize("slopes", [(), "x2"])
def test_counts_are_predicted_with_their_groups(slopes):
    X, eta, rng = drawn(2, slope=0.3 * bool(slopes))
    y = rng.poisson(np.exp(0.5 * eta))
    model = quick("group", slopes, family="poisson", n_epochs=40).fit(X, y)
    means = np.exp(0.5 * eta)
    assert np.corrcoef(model.predict(X), means)[0, 1] > 0.9
    assert (model.predict(X.assign(group=-1)) > 0.0).all()
    assert "Residual" not in set(model.variance_components_["group"])


def test_counts_far_from_one_start_at_their_level():
    X, _, rng = drawn()
    y = rng.poisson(1000.0 * np.exp(0.3 * X["x1"]))
    features = X[["x1", "x2"]]
    predicted = quick(None, family="poisson", n_epochs=20).fit(features, y)
    assert r2_score(y, predicted.predict(features)) > 0.9


def test_crossed_factors_of_a_binary_model_are_found():
    X, eta, rng = drawn(3, n_groups=15, n_rows=60)
    other = np.arange(len(X)) % 6
    eta = eta + np.array([-1.5, 1.5, 0.0, 1.0, -1.0, 0.5])[other]
    y = rng.uniform(size=len(eta)) < 1.0 / (1.0 + np.exp(-eta))
    model = NeuralMixedEffectsClassifier(
        random="(1 | group) + (1 | other)", n_epochs=10, random_state=0
    )
    model.fit(X.assign(other=other), y)
    effects = model.random_effects_["other"]["Intercept"]
    assert np.corrcoef(effects, [-1.5, 1.5, 0.0, 1.0, -1.0, 0.5])[0, 1] > 0.9


# -- the trace, early stopping, seeds --


def test_the_trace_has_a_row_per_epoch_and_callbacks_see_it():
    X, y = normal(slope=1.0)
    heard = []
    model = quick(slopes="x2", callbacks=[heard.append]).fit(X, y)
    assert list(model.trace_.columns) == [
        *("loglik", "train_loss", "sigma2"),
        *("group.Intercept", "group.Intercept:x2", "group.x2"),
        *("change", "validation_loss", "learner_seconds", "effects_seconds"),
    ]
    assert list(model.trace_.index) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [row["iteration"] for row in heard] == list(model.trace_.index)
    assert heard[-1]["group.Intercept:x2"] == model.trace_["group.Intercept:x2"][8]
    assert [ax.get_xlabel() for ax in model.plot_convergence()] == ["iteration"] * 4


def test_the_trace_is_in_units_of_the_target():
    X, y = normal()
    small, large = quick().fit(X, y), quick().fit(X, 10.0 * y)
    shift = np.log(10.0)
    np.testing.assert_allclose(
        large.trace_[["train_loss", "validation_loss"]],
        small.trace_[["train_loss", "validation_loss"]] + shift,
        atol=1e-4,
    )
    np.testing.assert_allclose(
        large.trace_["sigma2"], 100.0 * small.trace_["sigma2"], rtol=1e-3
    )


def test_a_callback_stops_the_fit():
    X, y = normal()
    model = quick(callbacks=lambda row: row["iteration"] == 3).fit(X, y)
    assert (model.n_iter_, model.stopped_) == (3, True)


def test_the_epoch_with_the_lowest_held_out_loss_is_kept():
    X, y = normal(n_groups=10)
    model = quick(n_epochs=60, learning_rate=0.05, patience=5).fit(X, y)
    losses = model.trace_["validation_loss"]
    assert model.best_iteration_ == losses.idxmin()
    assert model.n_iter_ == min(60, model.best_iteration_ + 5)


def test_held_out_groups_are_scored_by_their_marginal_likelihood():
    X, y = normal()
    model = quick(early_stopping="groups", validation_fraction=0.2).fit(X, y)
    assert model.trace_["validation_loss"].notna().all()
    assert len(model.random_effects_["group"]) == 30


def test_without_early_stopping_the_last_epoch_is_kept():
    X, y = normal()
    model = quick(early_stopping=None).fit(X, y)
    assert (model.n_iter_, model.best_iteration_) == (8, 8)
    assert model.trace_["validation_loss"].isna().all()


def test_equal_seeds_give_equal_fits_and_leave_torch_alone():
    X, y = normal()
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    one = quick(dropout=0.2).fit(X, y).predict(X)
    torch.rand(3)
    other = quick(dropout=0.2).fit(X, y).predict(X)
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(
        one, quick(dropout=0.2, random_state=1).fit(X, y).predict(X)
    )
    torch.set_rng_state(state)
    before = torch.rand(2)
    torch.set_rng_state(state)
    quick().fit(X, y)
    assert torch.equal(torch.rand(2), before)
    assert torch.get_num_threads() == threads


def test_a_pickle_predicts_the_same():
    X, y = normal()
    model = quick().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


# -- bad input --


def test_without_torch_the_extra_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "torch" else find(n)
    )
    X, y = normal()
    with pytest.raises(MissingExtraError) as caught:
        quick().fit(X, y)
    assert str(caught.value) == (
        "neural mixed-effects models need the package torch; install it with "
        'pip install "flexcv[neural]".'
    )


def test_importing_the_models_does_not_import_torch():
    code = "import sys, flexcv.models; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("last_good_step", "kept"), [(25, "epoch 2"), (3, "the network before it learned")]
)
def test_a_network_that_diverges_keeps_its_best_state_and_warns(last_good_step, kept):
    X, y = normal()
    model = quick(network=lambda n: Breaks(n, last_good_step), n_epochs=20)
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y)
    assert [str(w.message) for w in caught] == [
        f"the network diverged in epoch {model.n_iter_ + 1}, its loss is no longer a "
        f"number, and {kept} is kept; lower `learning_rate`."
    ]
    assert len(model.trace_) == model.n_iter_ < 3
    assert np.isfinite(model.predict(X)).all()


class Breaks(torch.nn.Module):
    """Gives infinite numbers after some training steps."""

    def __init__(self, n_features, last_good_step):
        super().__init__()
        self.layer = torch.nn.Linear(n_features, 1)
        self.steps, self.last = 0, last_good_step

    def forward(self, x):
        self.steps += self.training
        broken = self.training and self.steps > self.last
        return self.layer(x) * (float("inf") if broken else 1.0)


def test_one_row_per_group_is_refused():
    X, y = normal()
    X["group"] = np.arange(len(X))
    with pytest.raises(NotIdentifiableError) as caught:
        quick().fit(X, y)
    assert str(caught.value) == (
        "grouping factor 'group' has one row per level, so its variance cannot be "
        "told from the residual; group more coarsely."
    )


def test_constant_features_are_named_and_do_no_harm():
    X, y = normal()
    with pytest.warns(RankDeficiencyWarning) as caught:
        model = quick().fit(X.assign(flat=3.0), y)
    assert str(caught[0].message) == (
        "features ['flat'] have the same value in every row and tell the network "
        "nothing; remove them to silence this."
    )
    assert np.isfinite(model.predict(X.assign(flat=3.0))).all()


def test_missing_values_are_refused():
    X, y = normal()
    X.loc[3, "x1"] = np.nan
    with pytest.raises(ValueError) as caught:
        quick().fit(X, y)
    assert str(caught.value) == (
        "column 'x1' must be finite, got missing values; fill them or drop the rows."
    )


def test_a_constant_target_is_refused():
    X, y = normal()
    with pytest.raises(ValueError) as caught:
        quick().fit(X, np.zeros(len(y)))
    assert str(caught.value) == (
        "`y` must vary for random effects to be found, got the same value in all "
        "360 rows; check the target."
    )


def test_a_table_of_groups_alone_is_refused():
    X, y = normal()
    with pytest.raises(ValueError) as caught:
        quick().fit(X[["group"]], y)
    assert str(caught.value) == (
        "`X` must have a feature beside the grouping columns, got none; add a column "
        "for the network."
    )


def test_three_classes_are_refused():
    X, y = normal()
    with pytest.raises(ValueError) as caught:
        NeuralMixedEffectsClassifier("group").fit(X, np.arange(len(y)) % 3)
    assert str(caught.value) == (
        "`y` must hold two classes, got 3 class(es) in 360 rows. Only binary "
        "classification is supported."
    )


def test_a_missing_class_is_refused():
    X, y = normal()
    with pytest.raises(ValueError) as caught:
        NeuralMixedEffectsClassifier("group").fit(X, np.where(y > 0.0, 1.0, np.nan))
    assert str(caught.value) == (
        "`y` must hold a class in every row, got missing or infinite values; drop "
        "these rows."
    )


def test_intervals_of_counts_are_refused():
    X, eta, rng = drawn()
    model = quick(family="poisson", n_epochs=2).fit(X, rng.poisson(np.exp(0.2 * eta)))
    with pytest.raises(ModelError) as caught:
        model.predict_interval(X)
    assert str(caught.value) == (
        "`predict_interval` needs family='gaussian', got 'poisson'; take the quantiles "
        "of a Poisson distribution around `predict`."
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"hidden_layer_sizes": (8, 0)},
            "`hidden_layer_sizes` must be at least 1, got 0.",
        ),
        (
            {"hidden_layer_sizes": "64"},
            "`hidden_layer_sizes` must be a sequence of whole numbers, got '64'; "
            "(64, 32) has two hidden layers.",
        ),
        (
            {"activation": "rely"},
            "`activation` must be one of 'silu', 'relu', 'gelu', 'tanh', got 'rely'; "
            "did you mean 'relu'?",
        ),
        (
            {"learning_rate": 0.0},
            "`learning_rate` must lie in (0, 1), got 0.0.",
        ),
        ({"weight_decay": -1.0}, "`weight_decay` must lie in [0, inf), got -1.0."),
        ({"dropout": 1.0}, "`dropout` must lie in [0, 1), got 1.0."),
        ({"n_epochs": 0}, "`n_epochs` must be at least 1, got 0."),
        ({"batch_size": 2.5}, "`batch_size` must be a whole number, got 2.5."),
        ({"patience": 0}, "`patience` must be at least 1, got 0."),
        (
            {"early_stopping": "row"},
            "`early_stopping` must be one of 'rows', 'groups', got 'row'; did you mean "
            "'rows'?",
        ),
        (
            {"validation_fraction": 1.0},
            "`validation_fraction` must lie in (0, 1), got 1.0.",
        ),
        (
            {"device": "gpu"},
            "`device` must be one of 'auto', 'cpu', 'cuda', got 'gpu'; did you mean "
            "'cpu'?",
        ),
        (
            {"family": "poison"},
            "`family` must be one of 'gaussian', 'poisson', got 'poison'; did you "
            "mean 'poisson'?",
        ),
        (
            {"network": torch.nn.Linear(2, 1)},
            "`network` must be a function that makes a torch.nn.Module from the number "
            "of features, got Linear.",
        ),
        (
            {"network": lambda n: n},
            "`network` must make a torch.nn.Module from the number of features, got "
            "int; return the module.",
        ),
        (
            {"network": lambda n: torch.nn.Linear(n, 2)},
            "the module that `network` makes must give one number per row, got shape "
            "(2, 2) for 2 rows; end it with a layer of one unit.",
        ),
        (
            {"early_stopping": "groups", "validation_fraction": 0.97},
            "`early_stopping='groups'` must leave at least two groups to learn from, "
            "got 30 groups of which 29 would be kept apart; use 'rows'.",
        ),
        (
            {"early_stopping": "groups", "groups": None},
            "`early_stopping='groups'` keeps groups apart, and the model has none; "
            "name a grouping column in `groups` or use 'rows'.",
        ),
    ],
)
def test_a_wrong_setting_is_answered_in_one_sentence(settings, message):
    X, y = normal()
    with pytest.raises((ValueError, TypeError)) as caught:
        quick(**settings).fit(X, y)
    assert str(caught.value) == message


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_told():
    X, y = normal()
    with pytest.raises(ValueError) as caught:
        quick(device="cuda").fit(X, y)
    assert str(caught.value) == (
        "device='cuda' needs a GPU that torch can see, and there is none; use 'auto' "
        "or 'cpu'."
    )
