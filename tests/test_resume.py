import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Lasso, Ridge

from flexcv import CrossValidation
from flexcv.chain import compile as compile_module
from flexcv.errors import StorageError
from flexcv.storage.folder import locked

ALPHA = {"alpha": FloatDistribution(0.01, 10, log=True)}


def chain(folder, seed=3, trials=6, alpha=1.0):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    cv = CrossValidation().set_data(X, X["a"] + rng.normal(size=60))
    cv.set_splits(n_splits_out=3, n_splits_in=2).set_inner_cv(trials)
    cv.add_model(Ridge, params=ALPHA).add_model(Lasso, model_kwargs={"alpha": alpha})
    return cv.set_run(folder, random_seed=seed)


def same(one, other):
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    pd.testing.assert_frame_equal(one.summary, other.summary, check_exact=True)
    pd.testing.assert_frame_equal(
        one.trials.drop(columns="seconds"),
        other.trials.drop(columns="seconds"),
        check_exact=True,
    )
    pd.testing.assert_frame_equal(one.params, other.params, check_exact=True)


@pytest.fixture
def fits(monkeypatch):
    """Count the fits of Ridge."""
    counted = []
    fit = Ridge.fit
    monkeypatch.setattr(Ridge, "fit", lambda *a, **k: counted.append(1) or fit(*a, **k))
    return counted


def test_performing_again_fits_nothing_and_gives_the_same(tmp_path, fits):
    first = chain(tmp_path / "run").perform().results
    done = len(fits)
    second = chain(tmp_path / "run").perform().results
    assert len(fits) == done
    same(first, second)


def test_a_run_with_a_folder_gives_what_one_without_gives(tmp_path):
    same(chain(None).perform().results, chain(tmp_path / "run").perform().results)


def test_starting_over_is_asked_for(tmp_path, fits):
    first = chain(tmp_path / "run").perform().results
    done = len(fits)
    same(first, chain(tmp_path / "run").perform(resume=False).results)
    assert len(fits) == 2 * done


def test_a_model_can_be_added_to_a_finished_run(tmp_path, fits):
    chain(tmp_path / "run").perform()
    done = len(fits)
    results = (
        chain(tmp_path / "run").add_model(Ridge, model_name="More").perform().results
    )
    assert list(results) == ["Ridge", "Lasso", "More"]
    assert len(fits) == done + 3


def test_fitted_models_that_were_not_stored_are_fitted_again_when_asked_for(
    tmp_path, fits
):
    first = chain(tmp_path / "run").perform().results
    again = chain(tmp_path / "run").perform().results
    done = len(fits)
    table = pd.DataFrame(np.eye(3), columns=list("abc"))
    for model in ("Ridge", "Lasso"):
        for one, other in zip(
            first.estimators[model], again.estimators[model], strict=True
        ):
            np.testing.assert_array_equal(one.predict(table), other.predict(table))
    again.get_best_model_by_metric("Ridge")
    assert len(fits) == done + 3


CHANGES = {
    "seed": (lambda folder: chain(folder, seed=4), "plan, seed differ"),
    "data": (lambda folder: chain(folder).set_data({"a": [n % 9 for n in range(60)]}, [n % 7 for n in range(60)]), "data differ"),
    "splits": (lambda folder: chain(folder).set_splits(n_splits_out=4), "plan differ"),
    "scaling": (lambda folder: chain(folder).set_splits(scale_out=False), "scaling differ"),
    "trials": (lambda folder: chain(folder, trials=7), "results of a 'Ridge' with other settings"),
    "model": (lambda folder: chain(folder, alpha=2.0), "results of a 'Lasso' with other settings"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_another_run_in_the_folder_is_refused_and_named(tmp_path, change):
    chain(tmp_path / "run").perform()
    other, message = CHANGES[change]
    with pytest.raises(StorageError, match=message):
        other(tmp_path / "run").perform()


def test_another_version_of_a_package_is_refused_and_named(tmp_path, monkeypatch):
    chain(tmp_path / "run").perform()
    real = compile_module.version
    older = {"numpy": "1.0"}
    monkeypatch.setattr(
        compile_module, "version", lambda name: older.get(name) or real(name)
    )
    with pytest.raises(StorageError, match="version of numpy differ"):
        chain(tmp_path / "run").perform()


def test_resuming_needs_a_folder():
    with pytest.raises(ValueError, match="resume=True needs a run folder"):
        chain(None).perform(resume=True)


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(StorageError, match="there is no run to resume"):
        chain(tmp_path / "run").perform(resume=True)


def test_a_second_process_in_the_folder_is_refused(tmp_path):
    folder = tmp_path / "run"
    chain(folder).perform()
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import sys; from pathlib import Path\nfrom flexcv.storage.folder import locked\nwith locked(Path({str(folder)!r})):\n    print('held', flush=True)\n    sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(
            StorageError, match=f"is in use by process {holder.pid}; wait for it"
        ):
            chain(folder).perform()
    finally:
        holder.kill()
        holder.communicate()
    chain(folder).perform()  # a killed process leaves no lock behind


def test_a_lock_file_that_nobody_holds_locks_nothing(tmp_path):
    (tmp_path / ".lock").write_text("12345")
    with locked(tmp_path):
        pass


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from tests.test_resume import chain
print("ready", flush=True)
chain({folder!r}, trials=25).perform()
"""


def killed_after(seconds, folder):
    tests = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(tests=tests, folder=str(folder))],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_run_killed_at_any_moment_goes_on_to_the_same_results(tmp_path):
    expected = chain(None, trials=25).perform().results
    moments = random.Random(0)
    stopped = 0
    for number in range(20):
        folder = tmp_path / f"run-{number}"
        killed_after(moments.uniform(0.0, 1.2), folder)
        file = folder / "run.json"
        stopped += file.exists() and json.loads(file.read_text())["status"] == "running"
        same(expected, chain(folder, trials=25).perform().results)
    assert stopped >= 5  # most were killed in the middle of their work


@pytest.fixture
def small_disk(tmp_path):
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(mount)]
    if (
        shutil.which("mount") is None
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    yield mount
    subprocess.run(["umount", str(mount)], check=False)


@pytest.mark.filterwarnings("ignore::flexcv.errors.TrackingWarning")
def test_a_full_disk_is_one_clear_error_and_loses_no_finished_unit(
    small_disk, tmp_path
):
    folder = small_disk / "run"
    with pytest.raises(StorageError, match="free some space"):
        chain(folder, trials=40).perform()
    kept = [
        unit for unit in (folder / "units").iterdir() if not unit.name.startswith(".")
    ]
    assert kept
    rescued = tmp_path / "rescued"
    shutil.copytree(folder, rescued)
    same(
        chain(None, trials=40).perform().results,
        chain(rescued, trials=40).perform().results,
    )


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_without_permission_is_one_clear_error(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o500)
    with pytest.raises(StorageError, match="cannot be written"):
        chain(folder).perform()


def test_an_interrupted_run_keeps_what_is_finished_marked_partial(
    tmp_path, monkeypatch
):
    cv = chain(tmp_path / "run")
    fit = Lasso.fit
    calls = []

    def interrupted(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(Lasso, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cv.perform()
    assert cv.results.is_partial
    assert len(cv.results["Lasso"]["model"]) == 1
    monkeypatch.setattr(Lasso, "fit", fit)
    same(chain(None).perform().results, chain(tmp_path / "run").perform().results)
