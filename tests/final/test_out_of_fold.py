import numpy as np
import pandas as pd
import pytest
from scipy import stats

from flexcv.final.out_of_fold import errors_of, misses_of


def test_rows_that_are_units_give_the_usual_conformal_quantile():
    rng = np.random.default_rng(0)
    errors = rng.normal(size=57)
    found = errors_of(errors, np.arange(57))
    for level in (0.5, 0.8, 0.9, 0.95):
        rank = int(np.ceil(58 * level))
        assert found.half_width(level) == np.sort(np.abs(errors))[rank - 1]


def test_too_few_units_give_no_width():
    found = errors_of(np.arange(1.0, 19.0), np.arange(18))
    assert found.half_width(0.95) == np.inf
    assert found.half_width(18 / 19) == 18.0
    assert found.highest_level == pytest.approx(18 / 19)


def test_a_repeated_row_counts_once():
    rng = np.random.default_rng(1)
    errors, rows = rng.normal(size=40), np.arange(40)
    once = errors_of(errors, rows)
    twice = errors_of(np.tile(errors, 3), np.tile(rows, 3))
    assert twice.n_units == 40
    assert twice.half_width(0.9) == once.half_width(0.9)


def test_a_large_group_counts_as_much_as_a_small_one():
    groups = np.repeat(np.arange(20), [200, *[1] * 19])
    errors = np.where(groups == 0, 0.1, 1.0 + groups / 100)
    found = errors_of(errors, np.arange(len(groups)), groups)
    assert found.half_width(0.9) == pytest.approx(1.18)
    assert errors_of(errors, np.arange(len(groups))).half_width(0.9) == 0.1


def test_the_order_of_rows_and_names_of_groups_do_not_matter():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 4)
    errors, order = rng.normal(size=120), rng.permutation(120)
    named = (29 - groups)[order]
    one = errors_of(errors, np.arange(120), groups)
    other = errors_of(errors[order], order, named)
    assert one.half_width(0.9) == other.half_width(0.9)


def test_the_width_is_the_middle_over_draws_of_one_row_of_each_group():
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 20, 60)
    groups = np.repeat(np.arange(60), sizes)
    errors = np.abs(rng.normal(size=60)[groups] + rng.normal(size=len(groups)))
    found = errors_of(errors, np.arange(len(groups)), groups).half_width(0.9)
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    draws = starts + (rng.random((4000, 60)) * sizes).astype(int)
    widths = np.sort(errors[draws], axis=1)[:, int(np.ceil(61 * 0.9)) - 1]
    assert np.mean(widths < found) == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.8, 0.9])
def test_it_holds_rows_of_new_groups_where_large_groups_are_easy(level):
    rng = np.random.default_rng(4)
    held, by_rows = [], []
    for _ in range(3000):
        sizes = rng.integers(1, 31, 31)
        spread = np.where(sizes > 10, 1.0, 3.0)
        shift = spread * rng.normal(size=31)
        groups = np.repeat(np.arange(30), sizes[:30])
        errors = shift[groups] + spread[groups] * rng.normal(size=len(groups))
        new = abs(shift[30] + spread[30] * rng.normal())
        rows = np.arange(len(groups))
        held.append(new <= errors_of(errors, rows, groups).half_width(level))
        by_rows.append(new <= errors_of(errors, rows).half_width(level))
    low, high = stats.binomtest(sum(held), 3000).proportion_ci(0.999)
    assert high >= level
    assert low <= level + 1 / 31
    assert np.mean(by_rows) < level - 0.05


def predictions(**columns):
    rows = pd.DataFrame({"row": [0, 1, 2, 3], "y_true": [1.0, 2.0, 3.0, 4.0]})
    return rows.assign(y_pred=0.0, **columns)


def test_rows_of_known_and_of_new_groups_are_told_apart():
    known = [True, False, False, True]
    found = misses_of(predictions(group=list("aabb"), known_group=known))
    assert (found.new.unit, found.new.n_units, found.new.sizes.tolist()) == (
        "group",
        2,
        [2.0, 3.0],
    )
    assert (found.known.unit, found.known.sizes.tolist()) == ("row", [1.0, 4.0])


def test_without_groups_every_row_is_new():
    found = misses_of(predictions(group=None, known_group=None))
    assert found.known is None
    assert (found.new.unit, found.new.n_units) == ("row", 4)


def test_a_plan_of_one_kind_of_rows_tells_of_no_other():
    found = misses_of(predictions(group=list("aabb"), known_group=True))
    assert found.new is None
