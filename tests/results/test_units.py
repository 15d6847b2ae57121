import json

import numpy as np
import pandas as pd
import pytest

from flexcv.errors import StorageError
from flexcv.results import Finding, FoldResult, Predictions
from flexcv.results.units import load_unit, save_unit, unit_name


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    trials = pd.DataFrame(
        {
            "trial": [0, 1],
            "value": [0.1 + 0.2, np.nan],
            "params_kind": ["a", None],
            "n": pd.array([1, None], dtype="Int64"),
        }
    )
    return FoldResult(
        "Ridge (tuned)", 0, 2,
        Predictions(np.arange(3), rng.normal(size=3)),
        Predictions(np.array([5, 4]), np.array([1e-300, np.pi])),
        {"alpha": 0.1, "kind": None, "deep": True},
        trials,
        findings=(Finding("importance", pd.DataFrame({"feature": ["x"], "importance": [1 / 3]})),),
        warnings=(("UserWarning", "careful"),),
        seconds={"fit": 0.25},
    )  # fmt: skip


def test_a_unit_comes_back_exactly(result, tmp_path):
    save_unit(tmp_path, "unit", [result], "how")
    how, (back,) = load_unit(tmp_path, "unit")
    assert how == "how"
    for part in ("train", "test"):
        np.testing.assert_array_equal(
            getattr(back, part).rows, getattr(result, part).rows
        )
        np.testing.assert_array_equal(
            getattr(back, part).predicted, getattr(result, part).predicted
        )
    assert (back.key, back.params, back.warnings, back.seconds) == (
        result.key,
        result.params,
        result.warnings,
        result.seconds,
    )
    pd.testing.assert_frame_equal(back.trials, result.trials, check_exact=True)
    pd.testing.assert_frame_equal(
        back.findings[0].frame, result.findings[0].frame, check_exact=True
    )


def test_a_failed_unit_comes_back_without_predictions(tmp_path):
    save_unit(tmp_path, "unit", [FoldResult("a", 0, 0, error="no luck")], "how")
    _, (back,) = load_unit(tmp_path, "unit")
    assert (back.test, back.error) == (None, "no luck")


def test_nothing_is_unpickled(result, tmp_path):
    save_unit(tmp_path, "unit", [result], "how")
    np.savez(
        tmp_path / "units" / "unit" / "arrays.npz",
        **{"0-test-rows": np.array([print], dtype=object)},
    )
    with pytest.raises(StorageError, match=r"damaged .*allow_pickle"):
        load_unit(tmp_path, "unit")


def test_a_unit_that_is_not_there_is_none(tmp_path):
    assert load_unit(tmp_path, "unit") is None


def test_names_are_readable_and_differ():
    assert unit_name("MERF(Ridge)", 0, 1).startswith("MERF-Ridge-r0-f1-")
    assert unit_name("a b", 0, 0) != unit_name("a/b", 0, 0)
    assert "/" not in unit_name("../../etc", 0, 0)


def test_a_damaged_unit_is_refused_with_its_folder(result, tmp_path):
    save_unit(tmp_path, "unit", [result], "how")
    (tmp_path / "units" / "unit" / "unit.json").write_text('{"format": 1, ')
    with pytest.raises(
        StorageError,
        match=r"is damaged .* delete that folder to have the unit run again",
    ):
        load_unit(tmp_path, "unit")


def test_another_format_is_refused(result, tmp_path):
    save_unit(tmp_path, "unit", [result], "how")
    file = tmp_path / "units" / "unit" / "unit.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))
    with pytest.raises(
        StorageError, match=r"another version of flexcv \(format 99, this one reads 1\)"
    ):
        load_unit(tmp_path, "unit")


def test_saving_again_replaces_the_unit_and_leaves_nothing_behind(result, tmp_path):
    for how in ("first", "second"):
        save_unit(tmp_path, "unit", [result], how)
    assert load_unit(tmp_path, "unit")[0] == "second"
    assert [path.name for path in (tmp_path / "units").iterdir()] == ["unit"]
