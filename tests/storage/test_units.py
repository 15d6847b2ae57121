import hashlib
import json
import pickle
import random
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from flexcv.errors import StorageError
from flexcv.records import Finding, FoldResult, Predictions, Score
from flexcv.storage.files import write_record
from flexcv.storage.units import (
    Marks,
    StoredUnit,
    load_unit,
    save_unit,
    unit_file,
    unit_name,
)

from .hard_values import FOLD_RESULTS, assert_same_result

MARKS = Marks({"data": "1", "seed": "2"}, "how", "looks", {"r2": "m"})


@given(FOLD_RESULTS)
@settings(max_examples=150, deadline=None)
def test_a_result_comes_back_from_a_unit_as_it_was(result):
    with TemporaryDirectory() as folder:
        save_unit(Path(folder), StoredUnit((result,), MARKS))
        back = load_unit(Path(folder), *result.key)
    assert_same_result(back.results[0], result)
    assert back.marks == MARKS


@given(FOLD_RESULTS)
@settings(max_examples=50, deadline=None)
def test_a_result_comes_back_from_a_worker_as_it_was(result):
    assert_same_result(pickle.loads(cloudpickle.dumps(result)), result)


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
        Predictions(np.arange(30), rng.normal(size=30)),
        Predictions(np.array([5, 4]), np.array([1e-300, np.pi])),
        {"alpha": 0.1, "kind": None, "deep": True},
        trials=trials,
        findings=(Finding("importance", pd.DataFrame({"feature": ["x"], "importance": [1 / 3]}), "importance"),),
        warnings=(("UserWarning", "careful"),),
        seconds={"fit": 0.25},
        scores=(Score("test", "r2", 0.5, 2), Score("train", "r2", float("nan"), 30, "why")),
    )  # fmt: skip


@pytest.fixture
def saved(result, tmp_path):
    save_unit(tmp_path, StoredUnit((result,), MARKS))
    return unit_file(tmp_path, *result.key)


def damages(content, other, number):  # noqa: PLR0911  one kind of damage each
    """One of the ways in which a file goes wrong, drawn with a seed."""
    dice = random.Random(number)
    place = dice.randrange(len(content))
    digits = [n for n, byte in enumerate(content) if 48 <= byte < 58]
    kind = number % 8
    if kind == 0:  # one bit
        return content[:place] + bytes([content[place] ^ (1 << dice.randrange(8))]) + content[place + 1 :]  # fmt: skip
    if kind == 1:  # one digit
        place = dice.choice(digits)
        digit = str((int(chr(content[place])) + dice.randrange(1, 10)) % 10).encode()
        return content[:place] + digit + content[place + 1 :]
    if kind == 2:  # cut
        return content[:place]
    if kind == 3:  # doubled
        return content + content if dice.random() < 0.5 else content[:place] + content
    if kind == 4:  # emptied, or filled with nothing
        return b"" if dice.random() < 0.5 else bytes(len(content))
    if kind == 5:  # a block lost
        return content[:place] + content[place + 1 + dice.randrange(64) :]
    if kind == 6:  # the end of another file
        return content[:place] + other[place:]
    return content[:place] + bytes(dice.randrange(256) for _ in range(8)) + content[place + 8 :]  # fmt: skip


def test_of_a_thousand_damages_none_gives_other_numbers(result, saved, tmp_path):
    content = saved.read_bytes()
    save_unit(tmp_path / "other", StoredUnit((result,), Marks(model="other")))
    other = unit_file(tmp_path / "other", *result.key).read_bytes()
    n_damaged = 0
    for number in range(1000):
        damaged = damages(content, other, number)
        if damaged == content:
            continue
        n_damaged += 1
        saved.write_bytes(damaged)
        if damaged == other:
            continue
        with pytest.raises(StorageError) as caught:
            load_unit(tmp_path, *result.key)
        assert str(saved) in str(caught.value)
    assert n_damaged > 950


def test_a_damaged_unit_is_refused_with_what_to_do(result, saved, tmp_path):
    saved.write_bytes(saved.read_bytes()[:-1])
    with pytest.raises(StorageError) as caught:
        load_unit(tmp_path, *result.key)
    assert str(caught.value) == (
        f"{str(saved)!r} is damaged: it changed since it was written; restore the "
        "file, or delete it and perform again to have that part run anew."
    )


def test_a_failed_unit_comes_back_without_predictions(tmp_path):
    save_unit(tmp_path, StoredUnit((FoldResult("a", 0, 0, error="no luck"),), Marks()))
    [back] = load_unit(tmp_path, "a", 0, 0).results
    assert (back.test, back.error) == (None, "no luck")


def test_nothing_is_unpickled(result, saved, tmp_path):
    _, _, body = saved.read_bytes().partition(b"\n")
    text, _, raw = body.partition(b"\n")
    described = json.loads(text)
    described["arrays"][0][0] = "|O"
    write_record(saved, "unit", {})  # the checksum is right, the content is not
    changed = json.dumps(described).encode() + b"\n" + raw
    saved.write_bytes(_with_checksum(b"unit", changed))
    with pytest.raises(StorageError, match=r"is damaged: it does not fit"):
        load_unit(tmp_path, *result.key)


def _with_checksum(kind, body):
    digest = hashlib.blake2b(body, digest_size=16).hexdigest().encode()
    return b"flexcv " + kind + b" 2 " + digest + b"\n" + body


def test_a_drawing_of_the_users_own_is_named_and_not_kept(tmp_path):
    def mine(frame, ax):
        return ax

    found = Finding("own", pd.DataFrame({"a": [1]}), mine)
    save_unit(tmp_path, StoredUnit((FoldResult("a", 0, 0, findings=(found,)),), MARKS))
    [back] = load_unit(tmp_path, "a", 0, 0).results
    assert back.findings[0].draw.startswith("a function of your own, ")
    assert back.findings[0].draw.endswith("mine")


def test_a_unit_that_is_not_there_is_none(tmp_path):
    assert load_unit(tmp_path, "a", 0, 0) is None


def test_names_are_readable_and_differ():
    assert unit_name("MERF(Ridge)", 0, 1).startswith("MERF-Ridge-r0-f1-")
    assert unit_name("a b", 0, 0) != unit_name("a/b", 0, 0)
    assert "/" not in unit_name("../../etc", 0, 0)
    assert unit_name("a", 0, 0).endswith(f"{zlib.crc32(b'a'):08x}")


def test_saving_again_replaces_the_unit_and_leaves_nothing_behind(result, tmp_path):
    for model in ("first", "second"):
        save_unit(tmp_path, StoredUnit((result,), Marks(model=model)))
    assert load_unit(tmp_path, *result.key).marks.model == "second"
    assert len(list((tmp_path / "units").iterdir())) == 1
