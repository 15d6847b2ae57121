import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from optuna.distributions import FloatDistribution
from sklearn.linear_model import LogisticRegression, Ridge

from flexcv import CrossValidation
from tests.evaluation.test_unit import Fails

from .conftest import SILENT


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_pictures_are_a_word_away(rich):
    assert labels(rich.plot.scores("r2")) == ["Mean", "LMM", "Tree", "MERF"]
    assert rich.plot.scores().get_xlabel() == "r2"
    assert rich.plot.scores("rmse").get_xlabel() == "rmse"
    assert len(labels(rich.plot.comparison("mse", n_bootstrap=100))) == 6
    assert rich.plot.predicted("LMM").get_ylabel() == "predicted"
    assert rich.plot.residuals().get_ylabel() == "residual"
    assert len(labels(rich.plot.residuals_by_group("LMM"))) == 12
    assert rich.plot.qq("LMM").get_xlabel() == "normal quantile"
    assert labels(rich.plot.importance()) == ["x", "z & co"]
    assert labels(rich.plot.fixed_effects()) == ["x", "z & co"]
    assert len(labels(rich.plot.random_effects(fold=2))) == 12
    assert rich.plot.finding("fixed_effects", fold=1).get_xlabel() == "effect"


def test_curves_are_columns_of_the_traces(rich):
    ax = rich.plot.traces()
    assert ax.get_ylabel() == "loglik"
    own = rich.traces.query("fold == 1")["loglik"].dropna()
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), own)
    assert rich.plot.traces("sigma2", "MERF").get_ylabel() == "sigma2"
    assert "sigma2" in rich.plot.curves("MERF")


@pytest.mark.parametrize(("greater", "pick"), [(False, np.minimum), (True, np.maximum)])
def test_the_best_trial_so_far_follows_the_direction(rich, greater, pick):
    ax = rich.plot.tuning("Tree", greater_is_better=greater)
    values = rich.trials.query("fold == 0")["value"].to_numpy()
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), pick.accumulate(values))


def test_the_direction_of_the_tuning_is_known_from_the_run(rich, grouped):
    values = rich.trials.query("fold == 0")["value"].to_numpy()
    best = rich.plot.tuning("Tree").lines[1].get_ydata()
    np.testing.assert_array_equal(best, np.minimum.accumulate(values))
    cv = CrossValidation().set_data(*grouped).set_run(silence=SILENT)
    cv.set_inner_cv(3, objective_scorer="r2").set_splits(n_splits_out=2, n_splits_in=2)
    cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 100.0)})
    results = cv.perform().results
    values = results.trials.query("fold == 0")["value"].to_numpy()
    best = results.plot.tuning().lines[1].get_ydata()
    np.testing.assert_array_equal(best, np.maximum.accumulate(values))


def test_axes_that_are_given_are_drawn_on(rich):
    ax = Figure().subplots()
    assert rich.plot.scores("mse", ax=ax) is ax


REFUSED = {
    "model": (lambda plot: plot.importance("Tre"), KeyError, "no model is called 'Tre'; did you mean 'Tree'?"),
    "finding": (lambda plot: plot.importance("LMM"), ValueError, "there is no finding 'importance' of 'LMM'; the run has fit, fixed_effects, icc, importance, random_effects, variance_components. Pass `PermutationImportancePostProcessor` as `post_processor` to `add_model`."),
    "fold": (lambda plot: plot.random_effects(fold=9), ValueError, "`fold` must be a place from 0 to 2, got 9; so many folds have the finding 'random_effects'."),
    "drawn fold": (lambda plot: plot.fixed_effects(fold=3), ValueError, "`fold` must be a place from 0 to 2, got 3; so many folds have the finding 'fixed_effects'."),
    "trace": (lambda plot: plot.traces(model="Mean"), ValueError, "there is no trace of 'Mean'; only models that iterate keep one."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_not_there_is_named(rich, case):
    call, kind, message = REFUSED[case]
    with pytest.raises(kind) as caught:
        call(rich.plot)
    assert caught.value.args[0] == message


@pytest.mark.filterwarnings("ignore::flexcv.errors.CheckWarning")
def test_a_plain_run_says_what_it_lacks(grouped):
    results = (
        CrossValidation().set_data(*grouped[:2]).add_model(Ridge).perform().results
    )
    with pytest.raises(ValueError, match="nothing was tuned in this run"):
        results.plot.tuning()
    with pytest.raises(ValueError, match="residuals by group need groups"):
        results.plot.residuals_by_group()
    with pytest.raises(ValueError, match="the run has none"):
        results.plot.importance()
    with pytest.raises(ValueError, match="a comparison needs two models, and these"):
        results.plot.comparison()


FAILED = (
    "every model failed on every fold, so there are no predictions; "
    "`results.warnings` says why."
)


@pytest.mark.filterwarnings("ignore::flexcv.errors.FailedModelWarning")
@pytest.mark.parametrize("picture", ["predicted", "residuals", "residuals_by_group", "qq"])  # fmt: skip
def test_pictures_say_that_every_fold_failed(grouped, picture):
    cv = CrossValidation().set_data(*grouped).add_model(Fails)
    results = cv.set_run(on_error="record", silence=SILENT).perform().results
    with pytest.raises(ValueError) as caught:
        getattr(results.plot, picture)()
    assert str(caught.value) == FAILED
    with pytest.raises(ValueError) as caught:
        results.by_known_group()
    assert str(caught.value) == FAILED


@pytest.mark.filterwarnings("ignore::flexcv.errors.FailedModelWarning")
@pytest.mark.parametrize("picture", ["roc", "calibration", "confusion"])
def test_classes_of_which_every_fold_failed_are_shown_and_not_drawn(grouped, picture):
    X, _, group = grouped
    cv = CrossValidation().set_data(X, ["no", "yes"] * 48, group).add_model(NoClasses)
    results = cv.set_run(on_error="record", silence=SILENT).perform().results
    assert "How well" in repr(results)
    assert results.predictions["y_pred"].cat.categories.tolist() == ["no", "yes"]
    assert results.interval()["mean"].isna().all()
    with pytest.raises(ValueError) as caught:
        getattr(results.plot, picture)()
    assert str(caught.value) == FAILED


class NoClasses(LogisticRegression):
    def fit(self, X, y):
        raise ValueError("no")


def test_a_single_test_row_of_classes_has_no_roc_curve_and_a_page(grouped):
    X, _, group = grouped
    splits = [(np.arange(1, 96), [0]), (np.r_[0:10, 11:96], [10])]
    cv = CrossValidation().set_data(X, ["no", "yes"] * 48, group).set_splits(splits)
    cv.add_model(LogisticRegression).set_run(silence=[*SILENT, "classes-missing"])
    results = cv.perform().results
    with pytest.raises(ValueError, match="every row of the test part is of one class"):
        results.plot.roc()
    assert "Confusion" in results.report()


def test_a_single_test_row_has_residuals_by_group_and_a_page(grouped):
    cv = CrossValidation().set_data(*grouped).set_splits([(np.arange(1, 96), [0])])
    cv.add_model(Ridge).set_run(silence=[*SILENT, "flat-folds"])
    results = cv.perform().results
    assert "Residuals by group" in results.report()


def test_matplotlib_is_loaded_by_the_first_picture():
    code = "import flexcv, flexcv.results, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
