"""Suites for trackers and splitters."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flexcv.models.laplace.families import Family
from flexcv.tracking import Tracker
from flexcv.tracking.base import VERBS, is_tracker

# -- trackers --

Points = list[tuple[int, float]]
SERIES_VALUES = (3.5, -2.25, 1e-12, 1e12)
SERIES_STEPS = (0, 1, 5, 6)
ODD_KEYS = ("a b", "var(subject)", "x[0]/y", "100% of", "é", "deep/er/still/mse")


def check_tracker(
    make_tracker: Callable[[], Tracker],
    read_series: Callable[[Tracker, str], Points] | None = None,
) -> None:
    """Check that a tracker keeps its contract; raise AssertionError where it does not.

    Parameters
    ----------
    make_tracker
        Opens a new run; called several times.
    read_series
        Gives what was kept under a key of a run, as (step, value) pairs in order.
        Without it the suite can only see that calls succeed.

    Examples
    --------
    >>> from flexcv.tracking import NullTracker
    >>> check_tracker(NullTracker)
    """
    for check in (
        _has_every_verb,
        _takes_what_a_run_tells,
        _opens_runs_below_runs,
        _takes_odd_names,
        _closes_with_every_status,
        _leaves_arguments_alone,
    ):
        check(make_tracker())
    if read_series is not None:
        _keeps_points(make_tracker(), read_series)
        _keeps_runs_apart(make_tracker(), read_series)


def _has_every_verb(tracker: Tracker) -> None:
    missing = [verb for verb in VERBS if not callable(getattr(tracker, verb, None))]
    assert is_tracker(tracker), f"a tracker must have {', '.join(missing)}"
    tracker.finish("finished")


def _takes_what_a_run_tells(tracker: Tracker) -> None:
    tracker.set_tags({"flexcv.kind": "cross-validation"})
    tracker.log_params({"n_trials": 5, "name": "forest", "depth": None, "on": True})
    tracker.log_params({"more": 0.5})
    tracker.log_metrics({"test/mse": 0.5, "test/r2": np.float64(0.25)})
    tracker.log_metrics({"convergence/loglik": -9.0}, 3)
    tracker.log_series("tuning/value", SERIES_VALUES, SERIES_STEPS)
    tracker.log_figure("residuals", _figure())
    tracker.log_table("summary", _table())
    tracker.log_text("page.html", "<!doctype html><p>é</p>")
    tracker.log_text("error.txt", "ValueError: no\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.bin"
        path.write_bytes(b"\x00\x01")
        tracker.log_artifact("model.bin", path)
    tracker.finish("finished")


def _opens_runs_below_runs(tracker: Tracker) -> None:
    """Two levels, the lower one closed first, as a run does."""
    model = tracker.child("MERF(Forest)", "model", {"flexcv.model": "MERF(Forest)"})
    for number in range(2):
        fold = model.child(f"fold {number}", "fold", {"flexcv.fold": str(number)})
        assert is_tracker(fold), "child must give a tracker"
        fold.log_metrics({"test/mse": 1.0})
        fold.finish("finished")
    model.log_metrics({"mean/test/mse": 1.0})
    model.finish("finished")
    tracker.finish("finished")


def _takes_odd_names(tracker: Tracker) -> None:
    for number, key in enumerate(ODD_KEYS):
        tracker.log_metrics({f"{key}/value": float(number)}, 0)
        tracker.log_series(f"{key}/curve", [1.0, 2.0], [0, 1])
        tracker.log_params({key: key})
        tracker.log_text(f"{key}.txt", "text")
    child = tracker.child("a/b: c?", "model", {})
    child.log_metrics({"mse": 1.0})
    child.finish("finished")
    tracker.finish("finished")


def _closes_with_every_status(tracker: Tracker) -> None:
    for status in ("failed", "killed"):
        child = tracker.child(status, "fold", {})
        child.finish(status)
    tracker.finish("killed")


def _leaves_arguments_alone(tracker: Tracker) -> None:
    table, before = _table(), _table()
    params = {"alpha": 1.0}
    tracker.log_table("table", table)
    tracker.log_params(params)
    tracker.finish("finished")
    pd.testing.assert_frame_equal(table, before)
    assert params == {"alpha": 1.0}, "log_params must not change what it is given"


def _keeps_points(tracker: Tracker, read: Callable[[Tracker, str], Points]) -> None:
    """Read a series back, sent as a whole and point by point."""
    wanted = list(zip(SERIES_STEPS, SERIES_VALUES, strict=True))
    tracker.log_series("tuning/value", SERIES_VALUES, SERIES_STEPS)
    for step, value in wanted:
        tracker.log_metrics({"convergence/loglik": value, "other": 0.0}, step)
    tracker.finish("finished")
    for key in ("tuning/value", "convergence/loglik"):
        _assert_points(read(tracker, key), wanted, key)


def _keeps_runs_apart(tracker: Tracker, read: Callable[[Tracker, str], Points]) -> None:
    """Read the same key of two runs below one."""
    children = [tracker.child(f"fold {number}", "fold", {}) for number in range(2)]
    for number, child in enumerate(children):
        child.log_series("tuning/value", [float(number)], [0])
    for child in (*children, tracker):
        child.finish("finished")
    for number, child in enumerate(children):
        _assert_points(read(child, "tuning/value"), [(0, float(number))], "a child's")


def _assert_points(
    found: Sequence[tuple[int, float]], wanted: Points, key: str
) -> None:
    same = [(int(step), float(value)) for step, value in found] == wanted
    assert same, f"{key} was told {wanted} and gave back {list(found)}"


def _figure() -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415  only this suite draws

    figure = Figure(figsize=(2, 2))
    figure.subplots().plot([0, 1], [1, 0])
    return figure


def _table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Fold": ["0", "mean"],
            "Ridge": [0.5, np.nan],
            "n": [1, 2],
            "ok": [True, False],
        }
    )


# -- splitters --


def check_splitter(
    make_splitter: Callable[[int], Any], *, keeps_groups: bool, n_rows: int = 60
) -> None:
    """Check that a splitter partitions rows; raise AssertionError where it does not.

    Parameters
    ----------
    make_splitter
        Makes the splitter from a seed.
    keeps_groups
        Whether no group may stand in training and test at once.
    n_rows
        Rows of the table it is tried on, in twelve groups of unequal size.

    Examples
    --------
    >>> from flexcv.resampling import BalancedGroupKFold
    >>> check_splitter(
    ...     lambda seed: BalancedGroupKFold(3, random_state=seed), keeps_groups=True
    ... )
    """
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=n_rows)})
    y = rng.normal(size=n_rows)
    groups = rng.permutation(np.floor(12 * np.linspace(0, 0.999, n_rows) ** 1.5))
    before = (X.copy(), y.copy(), groups.copy())
    splits = list(make_splitter(1).split(X, y, groups))
    _is_partition(splits, n_rows)
    if keeps_groups:
        for train, test in splits:
            shared = set(groups[train]) & set(groups[test])
            assert not shared, f"groups {shared} stand in training and test at once"
    again = list(make_splitter(1).split(X, y, groups))
    for (_, one), (_, other) in zip(splits, again, strict=True):
        assert np.array_equal(one, other), "equal seeds must give equal folds"
    pd.testing.assert_frame_equal(X, before[0])
    assert np.array_equal(y, before[1]), "the target must not be changed"
    assert np.array_equal(groups, before[2]), "the groups must not be changed"


def _is_partition(splits: Sequence[tuple[Any, Any]], n_rows: int) -> None:
    tested = np.concatenate([test for _, test in splits])
    assert sorted(tested) == list(range(n_rows)), "test parts must cover rows once"
    for train, test in splits:
        assert len(train) > 0, "a training part is empty"
        assert not set(train) & set(test), "a row stands in training and test at once"
        assert len(train) + len(test) == n_rows, "a row is in neither part"


# -- families --

ETAS = np.linspace(-2.0, 2.0, 9)  # linear predictors at which a family is asked
STEP = 1e-5  # of the numerical derivatives
N_DRAWS = 40_000


def check_family(
    family: Family,
    draw: Callable[[Any, np.random.Generator], Any],
    dispersion: float = 1.0,
) -> None:
    """Check that a family keeps its contract; raise AssertionError where it does not.

    Each derivative must be the slope of the one before; draws must have the mean that
    `mean` gives and a score of zero on average; `fisher` must be the average of the
    information.

    Parameters
    ----------
    family
        A `Family` of `flexcv.models.laplace.families`.
    draw
        Draws one target for each mean of an array, shape (n_rows,), with a generator.
    dispersion
        The dispersion that `draw` has; ignored by families without one.

    Examples
    --------
    >>> from flexcv.models.laplace.families import Poisson
    >>> check_family(Poisson(), lambda mean, rng: rng.poisson(mean))
    """
    rng = np.random.default_rng(0)
    y = np.asarray(draw(family.mean(ETAS), rng), dtype=float)
    ones = np.ones(len(ETAS))
    family.require_target(y, ones)
    assert np.isfinite(family.start(y)).all(), "start must be finite for every target"
    _has_its_derivatives(family, y, dispersion)
    for eta in ETAS[::4]:
        _agrees_with_draws(family, draw, eta, dispersion)


def _has_its_derivatives(family: Family, y: Any, dispersion: float) -> None:
    weights = np.full(len(y), 2.0)
    at, ahead, behind = (
        family.terms(y, ETAS + move, weights, dispersion) for move in (0.0, STEP, -STEP)
    )
    for name, before, sign in (
        ("score", "loglik", 1.0),
        ("information", "score", -1.0),
        ("slope", "information", 1.0),
    ):
        change = getattr(ahead, before) - getattr(behind, before)
        np.testing.assert_allclose(
            getattr(at, name),
            sign * change / (2.0 * STEP),
            rtol=1e-5,
            atol=1e-5,
            err_msg=f"{name} must be {'minus ' * (sign < 0)}the slope of {before}",
        )


def _agrees_with_draws(
    family: Family, draw: Any, eta: float, dispersion: float
) -> None:
    rng = np.random.default_rng(1)
    etas, ones = np.full(N_DRAWS, eta), np.ones(N_DRAWS)
    mean = family.mean(etas)
    y = np.asarray(draw(mean, rng), dtype=float)
    at = family.terms(y, etas, ones, dispersion)
    expected = family.fisher(etas[:1], ones[:1], dispersion)[0]
    for what, seen, wanted in (
        ("draws must average to the mean", y, mean[0]),
        ("scores must average to zero", at.score, 0.0),
        ("fisher must be the average information", at.information, expected),
    ):
        margin = 5.0 * float(np.std(seen)) / np.sqrt(N_DRAWS) + 1e-9
        assert abs(float(np.mean(seen)) - wanted) <= margin, f"{what} at eta {eta:g}"
