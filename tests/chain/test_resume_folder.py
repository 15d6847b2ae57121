"""A run that is resumed, edited, copied, moved or killed: the same numbers, or a sentence."""

import contextlib
import errno
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.linear_model import Lasso, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from flexcv import CrossValidation, CrossValidationResults, Finding
from flexcv.errors import ResumeWarning, StorageError
from flexcv.results import PlansCompared, load_estimators
from flexcv.storage import folder as folder_module

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(60, 3)), columns=list("abc"))
Y = X["a"] + RNG.normal(size=60)


def chain(folder, model=Ridge, **options):
    settings = options.pop("run", {})
    metrics = options.pop("metrics", None)
    trials = options.pop("n_trials", 3)
    cv = CrossValidation().set_data(X, Y).set_inner_cv(trials)
    cv = cv.set_splits(n_splits_out=2, n_splits_in=2, metrics=metrics)
    options.setdefault("model_name", "M")
    return cv.add_model(model, **options).set_run(folder, progress=False, **settings)


def same(one, other):
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    pd.testing.assert_frame_equal(one.scores, other.scores, check_exact=True)
    assert [repr(f.params) for f in one.folds] == [repr(f.params) for f in other.folds]


@pytest.fixture
def fits(monkeypatch):
    counted = []
    fit = Ridge.fit
    monkeypatch.setattr(Ridge, "fit", lambda *a, **k: counted.append(1) or fit(*a, **k))
    return counted


# -- what lies in the folder --


@pytest.mark.parametrize("damage", ["lost", "emptied", "of another"])
def test_a_description_for_people_that_is_lost_is_written_again(tmp_path, damage, fits):
    first = chain(tmp_path).perform().results
    done, file = len(fits), tmp_path / "run.json"
    if damage == "lost":
        file.unlink()
    else:
        file.write_text("" if damage == "emptied" else '{"status": "x"}')
    (tmp_path / "results.record").unlink()
    same(first, chain(tmp_path).perform().results)
    assert len(fits) == done
    assert '"status": "finished"' in file.read_text()
    same(first, CrossValidationResults.load(tmp_path))


def test_a_unit_of_another_run_is_refused(tmp_path):
    chain(tmp_path / "one").perform()
    chain(tmp_path / "other", run={"random_seed": 1}).perform()
    [unit] = (tmp_path / "other" / "units").glob("M-r0-f1-*")
    shutil.copy(unit, tmp_path / "one" / "units")
    with pytest.raises(StorageError, match="holds another run: plan, seed differ"):
        chain(tmp_path / "one").perform()


def test_a_folder_may_be_copied_and_moved(tmp_path, fits):
    first = chain(tmp_path / "run").perform().results
    shutil.move(tmp_path / "run", tmp_path / "elsewhere")
    done = len(fits)
    same(first, chain(tmp_path / "elsewhere").perform().results)
    assert len(fits) == done


@pytest.mark.skipif(os.name != "posix", reason="needs a umask")
def test_files_have_the_modes_that_the_umask_gives(tmp_path):
    before = os.umask(0o027)
    try:
        chain(tmp_path / "run", run={"keep_estimators": True}).perform()
    finally:
        os.umask(before)
    modes = {
        (path.is_file(), stat.S_IMODE(path.stat().st_mode))
        for path in (tmp_path / "run").rglob("*")
    }
    assert modes == {(True, 0o640), (False, 0o750)}


def test_what_killed_writes_left_is_cleared(tmp_path):
    chain(tmp_path).perform()
    left = [tmp_path / name for name in (".unfinished-1-a.csv", "units/.unfinished-2-b.unit")]  # fmt: skip
    for path in left:
        path.write_text("half")
    chain(tmp_path).perform()
    assert not [path for path in left if path.exists()]


def test_a_users_files_survive_a_run_that_starts_over(tmp_path):
    chain(tmp_path, run={"keep_estimators": True}).perform()
    notes = [tmp_path / name / "notes.txt" for name in ("", "units", "estimators", "tracking")]  # fmt: skip
    for note in notes:
        note.write_text("mine")
    chain(tmp_path).perform(resume=False)
    assert [note.read_text() for note in notes] == ["mine"] * 4
    with pytest.raises(StorageError, match="holds no fitted models"):
        load_estimators(tmp_path, trust_pickle=True)


def test_starting_over_stops_when_a_unit_cannot_be_removed(tmp_path, monkeypatch):
    first = chain(tmp_path).perform().results
    unlink = Path.unlink

    def refuses(self, missing_ok=False):
        if self.suffix == ".unit":
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuses)
    with pytest.raises(StorageError, match="cannot be removed: Permission denied"):
        chain(tmp_path, Lasso).perform(resume=False)
    monkeypatch.undo()
    same(first, chain(tmp_path).perform().results)


def test_a_file_system_without_locks_is_told_as_that(tmp_path, monkeypatch):
    def no_locks(stream):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folder_module, "_take", no_locks)
    with pytest.raises(StorageError) as caught:
        chain(tmp_path).perform()
    assert str(caught.value) == (
        f"the file system of {str(tmp_path)!r} has no locks (No locks available), so "
        "two processes could write there at once; choose a folder on a local disk."
    )


def test_a_folder_of_version_0_1_is_refused_until_it_may_be_overwritten(tmp_path):
    unit = tmp_path / "units" / "M-r0-f0-12345678"
    unit.mkdir(parents=True)
    (unit / "unit.json").write_text('{"format": 1}')
    (tmp_path / "run.json").write_text('{"status": "finished"}')
    with pytest.raises(StorageError, match=r"was written by flexcv 0\.1, in format 1"):
        chain(tmp_path).perform()
    chain(tmp_path).perform(resume=False)
    assert not unit.exists()


# -- killed and running runs --

KILLED = """
import os, sys
sys.path.insert(0, {root!r})
from sklearn.linear_model import Ridge
from tests.chain.test_resume_folder import chain
fit, calls = Ridge.fit, []
def dies(self, *args, **kwargs):
    calls.append(1)
    if len(calls) == 2:
        os._exit(9)
    return fit(self, *args, **kwargs)
Ridge.fit = dies
chain({folder!r}).perform()
"""


@pytest.fixture
def killed(tmp_path):
    root = str(Path(__file__).parents[2])
    script = KILLED.format(root=root, folder=str(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == 9
    return tmp_path / "run"


def test_a_killed_run_is_read_when_that_is_asked_for(killed):
    with pytest.raises(StorageError) as caught:
        CrossValidationResults.load(killed)
    assert str(caught.value) == (
        f"the run in {str(killed)!r} goes on, or was killed: 1 of 2 units are there; "
        "pass partial=True to have these, or perform the chain again to finish it."
    )
    part = CrossValidationResults.load(killed, partial=True)
    assert part.is_partial
    whole = chain(None).perform().results
    assert len(part.folds) == 1
    pd.testing.assert_frame_equal(part.predictions, whole.predictions.query("fold == 0").reset_index(drop=True))  # fmt: skip
    same(whole, chain(killed).perform().results)
    same(whole, CrossValidationResults.load(killed))


# -- edits --


def test_a_metric_that_changed_is_scored_again_without_a_fit(tmp_path, fits):
    def off(y_true, y_pred):
        return float(np.mean(y_pred - y_true))

    first = chain(tmp_path, metrics={"off": off, "mse": "mse"}).perform().results
    done = len(fits)

    def off(y_true, y_pred):
        return float(np.mean(y_true - y_pred))

    again = chain(tmp_path, metrics={"off": off, "mse": "mse"}).perform().results
    assert len(fits) == done
    one, other = (r.summary.loc["mean"].loc["off", "M"] for r in (first, again))
    assert one == -other
    assert CrossValidationResults.load(tmp_path).summary.equals(again.summary)


def looks(fold):
    return [Finding("seen", pd.DataFrame({"n": [len(fold.X_test)]}))]


def looks_closer(fold):
    fitted = fold.estimator.predict(fold.X_test)
    assert np.array_equal(fitted, fold.predicted_test)
    return [Finding("seen", pd.DataFrame({"n": [float(fitted.sum())]}))]


def test_a_post_processor_that_changed_looks_at_kept_models_without_a_fit(
    tmp_path, fits
):
    trusted = {"keep_estimators": True, "trust_pickle": True}
    chain(tmp_path, post_processor=looks, run=trusted).perform()
    done = len(fits)
    again = chain(tmp_path, post_processor=looks_closer, run=trusted).perform().results
    assert len(fits) == done
    fresh = chain(None, post_processor=looks_closer).perform().results
    for results in (again, CrossValidationResults.load(tmp_path)):
        pd.testing.assert_frame_equal(
            results.findings["M"]["seen"].frame, fresh.findings["M"]["seen"].frame
        )


def test_a_post_processor_that_changed_has_units_run_again_where_none_are_kept(
    tmp_path, fits
):
    chain(tmp_path, post_processor=looks).perform()
    done = len(fits)
    again = chain(tmp_path, post_processor=looks_closer).perform().results
    assert len(fits) == 2 * done
    assert again.findings["M"]["seen"].frame["n"].dtype == float


class Client:
    """Holds what no process can compare with another one's."""

    def __init__(self):
        self.rows = (row for row in range(3))

    def __deepcopy__(self, memo):
        return self


class Connected(Ridge):
    def __init__(self, client=None):
        super().__init__()
        self.client = client


def test_what_cannot_be_compared_is_named_and_run_again(tmp_path, fits):
    options = {"model_kwargs": {"client": Client()}}
    chain(tmp_path, Connected, **options).perform()
    done = len(fits)
    with pytest.warns(ResumeWarning, match=r"'M' holds something .*`client`"):
        chain(tmp_path, Connected, **options).perform()
    assert len(fits) == 2 * done


# -- tuned choices --


def a_function(trial):
    hidden = trial.suggest_categorical("h", [(3, 3), (4,)])
    return {"hidden_layer_sizes": hidden, "alpha": trial.suggest_float("a", 1e-3, 0.1)}


SCALED = make_pipeline(StandardScaler(), Ridge())
SCALERS = [StandardScaler(), MinMaxScaler(), "passthrough"]
SPACES = {
    "tuples": (MLPRegressor, {"hidden_layer_sizes": [(3, 3), (4,)]}, {"max_iter": 5}),
    "estimators": (SCALED, {"standardscaler": SCALERS}, {}),
    "equal to Python": (KNeighborsRegressor, {"p": [1, 1.0, 2, 2.0]}, {}),
    "a function": (MLPRegressor, a_function, {"max_iter": 5}),
    "texts": (SCALED, {"ridge__solver": ["svd", "cholesky"]}, {}),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SPACES)
def test_tuned_choices_are_those_of_the_chain_however_often_it_stops(tmp_path, name):
    model, choices, kwargs = SPACES[name]
    space = choices
    if isinstance(choices, dict):
        space = {key: CategoricalDistribution(given) for key, given in choices.items()}
    options = {"params": space, "model_kwargs": kwargs or None, "n_trials": 6}
    whole = chain(None, model, **options).perform().results
    run = tmp_path / "run"
    same(whole, chain(run, model, **options).perform().results)
    same(whole, chain(run, model, **options).perform().results)  # units are read
    shutil.rmtree(run / "units")
    again = chain(run, model, **options).perform().results  # trials are read
    same(whole, again)
    shutil.rmtree(run / "units")
    for journal in (run / "trials").iterdir():
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(lines[:4]))
    again = chain(run, model, **options).perform().results  # some trials are read
    same(whole, again)
    assert again.estimators["M"]


def test_of_many_damages_of_a_journal_none_gives_other_numbers(tmp_path):
    options = {"params": {"alpha": FloatDistribution(0.01, 10, log=True)}, "n_trials": 4}  # fmt: skip
    whole = chain(tmp_path / "run", **options).perform().results
    journal = min((tmp_path / "run" / "trials").iterdir())
    content, dice = journal.read_bytes(), np.random.default_rng(0)
    kept = [m.span(1) for m in re.finditer(rb'"scores":\[(\d+\.\d{9})', content)]
    scores = [n for span in kept for n in range(*span) if 48 <= content[n] < 58]
    for _ in range(30):
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
        shutil.rmtree(tmp_path / "copy" / "units")
        place, kind = dice.integers(len(content)), dice.integers(4)
        damaged = bytearray(content)
        if kind == 0:
            damaged[place] ^= 1 << int(dice.integers(8))
        elif kind == 1:
            place = dice.choice(scores)
            damaged[place] = 48 + (damaged[place] - 48 + 1 + dice.integers(9)) % 10
        elif kind == 2:
            del damaged[place:]
        else:
            damaged += damaged[: place + 1]
        file = tmp_path / "copy" / "trials" / journal.name
        file.write_bytes(bytes(damaged))
        is_refused = True
        with contextlib.suppress(StorageError):
            same(whole, chain(tmp_path / "copy", **options).perform().results)
            is_refused = False
        assert is_refused or kind != 1  # a date or a torn line changes nothing


# -- models that are there tomorrow --


def test_models_are_kept_in_the_folder_when_asked_for_and_survive(tmp_path):
    kept = {"keep_estimators": True}
    first = chain(tmp_path, run=kept).perform().results
    chain(tmp_path).perform()
    models = load_estimators(tmp_path, trust_pickle=True)["M"]
    for mine, yours in zip(models, first.estimators["M"], strict=True):
        np.testing.assert_array_equal(mine.predict(X), yours.predict(X))
    with pytest.raises(ValueError, match=r"load_estimators\(folder, trust_pickle=True"):
        CrossValidationResults.load(tmp_path).estimators  # noqa: B018


# -- several plans --


def test_a_folder_of_several_plans_loads_by_the_same_call(tmp_path):
    groups = pd.Series(np.arange(60) % 12, name="g")
    cv = CrossValidation().set_data(X, Y, groups).add_model(Ridge)
    cv = cv.set_splits(["KFold", "GroupKFold"], n_splits_out=2)
    cv = cv.set_run(tmp_path / "run", silence=["groups-ignored", "groups-unused"])
    plans = cv.perform().results
    back = CrossValidationResults.load(tmp_path / "run")
    assert isinstance(back, PlansCompared)
    pd.testing.assert_frame_equal(back.scores, plans.scores)
    assert repr(cv).count("KFold, 2 folds") == 2


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_table_that_is_lost_or_damaged_is_written_again(tmp_path, damage, fits):
    first = chain(tmp_path).perform().results
    done, file = len(fits), tmp_path / "table.record"
    if damage == "lost":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b"\x3f", b"\x40"))
    with pytest.raises(StorageError, match=r"table\.record"):
        CrossValidationResults.load(tmp_path)
    same(first, chain(tmp_path).perform().results)
    assert len(fits) == done
    same(first, CrossValidationResults.load(tmp_path))
