"""Files that are damaged, lost, closed or swapped: never other numbers."""

import contextlib
import os
import random
import re
import shutil

import numpy as np
import pytest

from flexcv import CrossValidationResults
from flexcv.errors import StorageError
from flexcv.results import load_estimators
from flexcv.tracking import read_run
from tests.storage.test_units import damages

from .runs import chain, same

KEPT = {"keep_estimators": True, "trust_pickle": True}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, chain(folder, trials=2, **KEPT).perform().results


@pytest.fixture
def copied(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    return tmp_path / "run"


def damaged(folder, dice):
    """Damage one file of a kind that is drawn first."""
    kinds = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        kinds.setdefault((path.parent, path.suffix), []).append(path)
    file, other = (dice.choice(kinds[dice.choice(list(kinds))]) for _ in range(2))
    content, how = file.read_bytes(), dice.randrange(12)
    file.unlink()
    if how < 8 and any(48 <= byte < 58 for byte in content):
        kind = dice.randrange(10**6) * 8 + how
        file.write_bytes(damages(content, content[::-1], kind))
    elif how == 9:
        file.mkdir()
    elif how == 10:
        file.symlink_to(file)
    elif how == 11 and other != file:
        file.write_bytes(other.read_bytes())
        other.write_bytes(content)


def kept(call):
    """Return what a call gives; None when it is refused in one sentence."""
    try:
        return call()
    except StorageError as error:
        said = error
    assert re.fullmatch(r"[^\n]*\.", str(said))
    return None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::flexcv.errors.TrackingWarning")
def test_of_many_damages_none_gives_other_numbers(finished, tmp_path):
    source, whole = finished
    n_right = 0
    for number in range(40):
        folder = tmp_path / str(number)
        shutil.copytree(source, folder)
        damaged(folder, random.Random(number))
        for call in (
            lambda place=folder: CrossValidationResults.load(place),
            lambda place=folder: CrossValidationResults.load(place, partial=True),
            lambda place=folder: chain(place, trials=2, **KEPT).perform().results,
        ):
            results = kept(call)
            assert results is None or same(whole, results) is None
        kept(lambda place=folder: read_run(place / "tracking"))
        kept(lambda place=folder: load_estimators(place, trust_pickle=True))
        if results is not None:
            n_right += 1
            same(whole, CrossValidationResults.load(folder))
    assert 5 <= n_right < 40


@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "damaged"])
def test_a_table_that_went_wrong_is_written_again(finished, copied, is_lost):
    file = copied / "table.record"
    file.unlink() if is_lost else file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StorageError, match=r"table\.record"):
        CrossValidationResults.load(copied)
    chain(copied, trials=2, **KEPT).perform()
    same(finished[1], CrossValidationResults.load(copied))


@pytest.mark.parametrize("name", ["results.record", "units"])
def test_a_folder_where_a_file_should_be_is_refused(copied, name):
    file = copied / name if name != "units" else min((copied / name).iterdir())
    file.unlink()
    file.mkdir()
    with pytest.raises(StorageError) as caught:
        chain(copied, trials=2, **KEPT).perform()
    assert str(caught.value) == (
        f"{str(file)!r} cannot be read: Is a directory; restore the file, or delete it "
        "and perform again."
    )


@contextlib.contextmanager
def nobody():
    """Be a user without rights, for no longer than the block."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("needs the right to be somebody else")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_is_closed_to_a_user_is_told_as_that(copied):
    with nobody(), pytest.raises(StorageError) as caught:
        CrossValidationResults.load(copied)
    assert str(caught.value) == (
        f"{str(copied)!r} cannot be looked into: Permission denied; have it opened to "
        "you, or choose another folder."
    )


def test_starting_over_removes_nothing_where_it_cannot_remove_all(
    finished, copied, monkeypatch
):
    def closed(path):
        if path.name == "units":
            raise PermissionError(13, "Permission denied")
        return real(path)

    real = type(copied).iterdir
    monkeypatch.setattr(type(copied), "iterdir", closed)
    with pytest.raises(StorageError, match="cannot be looked into"):
        chain(copied, trials=2, seed=9).perform(resume=False)
    monkeypatch.undo()
    same(finished[1], CrossValidationResults.load(copied))


def test_results_are_not_saved_over_units_that_no_record_names(finished, tmp_path):
    folder, whole = tmp_path / "saved", finished[1]
    whole.save(folder)
    (folder / "results.record").unlink()
    other = chain(None, trials=2, seed=9).perform().results
    with pytest.raises(StorageError, match="holds the results of another run"):
        other.save(folder)
    whole.save(folder)
    same(whole, CrossValidationResults.load(folder))
    assert np.isfinite(whole.predictions["y_pred"]).all()
