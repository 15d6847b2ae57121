"""The laws of a model with random effects: what it must do on any table."""

from __future__ import annotations

import inspect
import pickle
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import check_choice
from flexcv.arrays import FloatArray

from .changes import CHANGES, OUTCOMES, Sample, answers, fitted, largest_move

GROUP = "the group"
GAINS = {"numbers": 0.5, "classes": 0.95, "counts": 0.95}


@dataclass(frozen=True, eq=False)
class Trial:
    """A family of models on one table.

    Attributes
    ----------
    make
        Makes the estimator; is passed `groups`, and `known_groups` where it is not the
        default.
    sample
        The table.
    rounding
        How far predictions may move, over their spread, by rounding.
    """

    make: Callable[..., Any]
    sample: Sample
    rounding: float = 1e-6

    @cached_property
    def model(self) -> Any:
        """The fitted model."""
        return fitted(self.make, self.sample)

    @cached_property
    def predicted(self) -> FloatArray:
        """Its predictions of the training rows."""
        return self.of(self.model)

    def of(self, model: Any, table: pd.DataFrame | None = None) -> FloatArray:
        """Return a model's predictions of a table, by default the training table."""
        return answers(model, self.sample, table)

    def of_nobody(self) -> FloatArray:
        """Return predictions as if all rows were of a new group."""
        return self.of(self.model, self.sample.renamed("nobody").table)

    def require_still(self, change: str, told: str) -> None:
        """Refuse a change of the table that moves predictions."""
        move = largest_move(self.make, self.sample, CHANGES[change])
        assert move <= self.rounding, (
            f"{told}, but predictions moved by {move:.2g} of their spread."
        )


def known_groups_gain(trial: Trial) -> None:
    """Require that known groups are predicted better than new ones."""
    target = np.asarray(trial.sample.y, dtype=np.float64)
    known, population = (
        float(np.mean((target - values) ** 2))
        for values in (trial.predicted, trial.of_nobody())
    )
    assert known < GAINS[trial.sample.outcome] * population, (
        "known groups must gain from their effects, but their mean squared error is "
        f"{known:.3g} beside {population:.3g} of new ones."
    )


def new_groups_get_the_population(trial: Trial) -> None:
    """Require that new groups get what known_groups="population" gives."""
    off = fitted(trial.make, trial.sample, known_groups="population")
    np.testing.assert_allclose(
        trial.of_nobody(),
        trial.of(off),
        rtol=1e-7,
        atol=1e-12,
        err_msg="new levels must get the population prediction.",
    )


def groups_are_named(trial: Trial) -> None:
    """Require that the model names its grouping column, effects and variances."""
    model, group = trial.model, trial.sample.group
    told = {
        "grouping_columns()": set(model.grouping_columns()),
        "random_effects_": set(model.random_effects_),
        "variance_components_": {"group", "name", "variance"}
        & set(model.variance_components_.columns),
    }
    wanted = [{group}, {group}, {"group", "name", "variance"}]
    for (name, found), needed in zip(told.items(), wanted, strict=True):
        assert found >= needed, f"`{name}` must name {needed}, got {found}."


def same_seed_same_predictions(trial: Trial) -> None:
    """Require that a second fit with the same seed predicts the same."""
    move = largest_move(trial.make, trial.sample, CHANGES["seed"])
    assert move == 0.0, (
        "equal seeds must give equal predictions, but they moved by "
        f"{move:.2g} of their spread."
    )


def global_generator_untouched(trial: Trial) -> None:
    """Require that fits and predictions draw nothing from NumPy's global generator."""
    before: Any = np.random.get_state()  # noqa: NPY002  it is what must not move
    trial.of(fitted(trial.make, trial.sample))
    after: Any = np.random.get_state()  # noqa: NPY002
    same = np.array_equal(before[1], after[1]) and before[2:] == after[2:]
    assert same, "NumPy's global generator must be left alone, but a fit drew from it."


def pickles_predict_the_same(trial: Trial) -> None:
    """Require that a model that was pickled predicts the same, to the last digit."""
    thawed = pickle.loads(pickle.dumps(trial.model))
    assert np.array_equal(trial.of(thawed), trial.predicted), (
        "a pickled model must predict the same, but other numbers came back."
    )


def tables_are_left_unchanged(trial: Trial) -> None:
    """Require that neither the table nor the target is changed by fit and predict."""
    table, y = trial.sample.table, np.array(trial.sample.y)
    given = replace(trial.sample, table=table.copy(), y=y.copy())
    trial.of(fitted(trial.make, given), given.table)
    pd.testing.assert_frame_equal(given.table, table)
    assert np.array_equal(given.y, y), "the target must not be changed by a fit."


def names_of_groups_decide_nothing(trial: Trial) -> None:
    """Require that other names of the same groups move no prediction."""
    trial.require_still("names", "what groups are called must decide nothing")


def kinds_of_labels_decide_nothing(trial: Trial) -> None:
    """Require that groups may be called by texts, numbers or categories."""
    for kind in ("text", "numbers", "category"):
        told = f"groups called by another kind of label ({kind}) must decide nothing"
        trial.require_still(kind, told)


def labels_of_another_kind_match(trial: Trial) -> None:
    """Require that a model of whole numbers knows the texts that write them."""
    numbered = CHANGES["numbers"](trial.sample, np.random.default_rng(0))
    model = fitted(trial.make, numbered)
    texts = numbered.renamed(numbered.table[numbered.group].astype(str))
    moved = np.abs(trial.of(model, texts.table) - trial.of(model, numbered.table))
    assert moved.max() == 0.0, (
        "the group '3' of a table to predict must be the group 3 of training, but "
        f"predictions moved by {moved.max():.2g}."
    )


def predictions_follow_the_units(trial: Trial) -> None:
    """Require that predictions go with the units of the target."""
    for change in ("small units", "large units"):
        told = f"the target's units must decide nothing ({change})"
        trial.require_still(change, told)


def order_of_rows_decides_nothing(trial: Trial) -> None:
    """Require that rows in another order move no prediction beyond rounding."""
    trial.require_still("rows", "the order of rows must decide nothing")


def order_of_columns_decides_nothing(trial: Trial) -> None:
    """Require that columns in another order move no prediction beyond rounding."""
    trial.require_still("columns", "the order of columns must decide nothing")


def rows_are_predicted_one_by_one(trial: Trial) -> None:
    """Require that a row's prediction does not hang on the rows beside it."""
    backwards = trial.of(trial.model, trial.sample.table.iloc[::-1])[::-1]
    np.testing.assert_allclose(
        backwards,
        trial.predicted,
        rtol=1e-7,
        atol=1e-12,
        err_msg="a row must be predicted alike wherever it stands.",
    )


def no_rows_no_answers(trial: Trial) -> None:
    """Require that a table without rows gets an empty answer."""
    found = trial.of(trial.model, trial.sample.table.iloc[:0])
    assert found.shape == (0,), (
        f"a table without rows must get an empty answer, got shape {found.shape}."
    )


def one_group_is_refused_or_fitted(trial: Trial) -> None:
    """Require that one group alone is refused in a sentence, or predicted."""
    _refused_or_finite(trial, trial.sample.renamed("alone"), "a single group")


def constant_target_is_refused_or_predicted(trial: Trial) -> None:
    """Require that a constant target is refused in a sentence, or predicted."""
    constant = replace(trial.sample, y=np.full(len(trial.sample.table), 1.0))
    model = _refused_or_finite(trial, constant, "a constant target")
    if model is not None:
        np.testing.assert_allclose(
            trial.of(model), 1.0, atol=1e-3, err_msg="a constant must be predicted."
        )


def missing_column_is_refused(trial: Trial) -> None:
    """Require that a table without a column is refused in a sentence that names it."""
    for name in trial.sample.table.columns:
        short = trial.sample.table.drop(columns=name)
        error = _error_of(partial(trial.of, trial.model, short))
        assert _is_one_sentence(error, repr(name)), (
            f"a table without column {name!r} must be refused in one sentence that "
            f"names it, got {error!r}."
        )


def weights_weigh(trial: Trial) -> None:
    """Require that weights of one are none, and that a row of weight zero is no row."""
    model = trial.make(groups=trial.sample.group)
    if "sample_weight" not in inspect.signature(model.fit).parameters:
        return
    table, y = trial.sample.table, np.asarray(trial.sample.y)
    kept = np.arange(len(table)) % 9 > 0
    shorter = replace(trial.sample, table=table[kept], y=y[kept])
    for name, weights, plain in (
        ("ones", np.ones(len(table)), trial.predicted),
        ("zeros", kept.astype(np.float64), trial.of(fitted(trial.make, shorter))),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            weighted = trial.make(groups=trial.sample.group)
            weighted.fit(table, y, sample_weight=weights)
        move = float(np.abs(trial.of(weighted) - plain).max())
        assert move <= trial.rounding, (
            f"weights that are {name} must fit the rows that count as they are, but "
            f"predictions moved by {move:.2g}."
        )


LAWS: dict[str, Callable[[Trial], None]] = {
    law.__name__: law
    for law in (
        known_groups_gain,
        new_groups_get_the_population,
        groups_are_named,
        same_seed_same_predictions,
        global_generator_untouched,
        pickles_predict_the_same,
        tables_are_left_unchanged,
        names_of_groups_decide_nothing,
        kinds_of_labels_decide_nothing,
        labels_of_another_kind_match,
        predictions_follow_the_units,
        order_of_rows_decides_nothing,
        order_of_columns_decides_nothing,
        rows_are_predicted_one_by_one,
        no_rows_no_answers,
        one_group_is_refused_or_fitted,
        constant_target_is_refused_or_predicted,
        missing_column_is_refused,
        weights_weigh,
    )
}


def check_mixed_model(
    make_model: Callable[..., Any],
    *,
    outcome: str = "numbers",
    exceptions: Collection[str] = (),
    rounding: float = 1e-6,
) -> None:
    """Check the laws of an estimator with random effects; AssertionError names one.

    Groups are a column that it names: known levels gain from their effect, new ones
    get the population, names may hold blanks; neither seeds nor pickles, names, units
    nor orders move a prediction; what cannot be fitted is refused in one sentence.

    Parameters
    ----------
    make_model
        Makes the estimator; is passed `groups`, and `known_groups` where it is not
        the default.
    outcome
        ``"numbers"``, ``"classes"`` or ``"counts"``.
    exceptions
        Names of `LAWS` that the estimator says it does not keep.
    rounding
        How far predictions may move, over their spread, by rounding.

    Examples
    --------
    >>> from flexcv.models import LinearMixedEffectsModel
    >>> check_mixed_model(LinearMixedEffectsModel)
    """
    check_choice("outcome", outcome, OUTCOMES)
    for name in exceptions:
        check_choice("exceptions", name, tuple(LAWS))
    trial = Trial(make_model, grouped_sample(outcome), rounding)
    for name, law in LAWS.items():
        if name not in exceptions:
            law(trial)


def grouped_sample(
    outcome: str = "numbers", *, seed: int = 0, n_groups: int = 20, n_rows: int = 10
) -> Sample:
    """Return rows of groups with effects of their own.

    Parameters
    ----------
    outcome
        ``"numbers"``, ``"classes"`` or ``"counts"``.
    seed
        Seeds the draws.
    n_groups, n_rows
        How many groups, and rows in each.
    """
    draws = np.random.default_rng(seed)
    codes = np.repeat(np.arange(n_groups), n_rows)
    n = len(codes)
    labels = pd.Categorical([f"level {code}" for code in codes])
    table = pd.DataFrame(
        {"a b": draws.normal(size=n), "x+1": draws.normal(size=n), GROUP: labels}
    )
    effects = 3.0 * draws.normal(size=n_groups)
    y = table["a b"].to_numpy() + effects[codes] + draws.normal(size=n)
    if outcome == "classes":
        y = (y > 0.0).astype(np.float64)
    if outcome == "counts":
        y = draws.poisson(np.exp(0.4 * y)).astype(np.float64)
    return Sample(table, y, GROUP, outcome)


def _refused_or_finite(trial: Trial, sample: Sample, told: str) -> Any:
    """Return the model; None where it refuses the sample in one sentence."""
    kept: list[Any] = []
    error = _error_of(lambda: kept.append(fitted(trial.make, sample)))
    if error is None:
        found = trial.of(kept[0], sample.table)
        assert np.isfinite(found).all(), (
            f"{told} must be refused, or predicted finitely."
        )
        return kept[0]
    assert _is_one_sentence(error, ""), (
        f"{told} must be refused in one sentence, got {error!r}."
    )
    return None


def _error_of(call: Callable[[], Any]) -> Exception | None:
    try:
        call()
    except Exception as error:  # noqa: BLE001  any kind is what is looked at
        return error
    return None


def _is_one_sentence(error: Exception | None, part: str) -> bool:
    text = str(error) if isinstance(error, ValueError) else ""
    return text.endswith(".") and "\n" not in text and part in text
