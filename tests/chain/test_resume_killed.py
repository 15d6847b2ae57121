"""A run that is killed, or loses a worker, goes on to the numbers of an unstopped one."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from flexcv import CrossValidationResults
from flexcv.errors import StorageError, UnitError
from flexcv.storage import files
from flexcv.storage.folder import holder_of, locked

from .runs import SlowRidge, chain, end, performing, same, status, wait_for

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


@pytest.fixture(scope="module")
def whole():
    return chain(None).perform().results


@posix
@pytest.mark.slow
@pytest.mark.parametrize("is_group", [False, True], ids=["main", "group"])
def test_a_run_of_two_workers_goes_on_after_a_kill(tmp_path, whole, is_group):
    process = performing(tmp_path, n_jobs=2)
    wait_for(tmp_path, "trials/*.log")
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL) if is_group else process.kill()
    process.wait()
    assert status(tmp_path) == "running"
    assert CrossValidationResults.load(tmp_path, partial=True).is_partial
    same(whole, chain(tmp_path).perform().results)  # while orphans still tune
    shutil.rmtree(tmp_path / "units")
    same(whole, chain(tmp_path).perform().results)  # from what all wrote
    end(process, is_group=True)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_folder_that_can_be_read(tmp_path, whole, number):
    process = performing(tmp_path)
    wait_for(tmp_path, "units/*.unit")
    end(process, number)
    assert status(tmp_path) == ("failed" if number == signal.SIGINT else "running")
    assert CrossValidationResults.load(tmp_path, partial=True).is_partial
    same(whole, chain(tmp_path).perform().results)


class Dies(SlowRidge):
    """Ends its process, as the system does when memory runs out, while `mark` is there."""

    def __init__(self, mark=""):
        super().__init__()
        self.mark = mark

    def fit(self, X, y):
        place = Path(self.mark)
        wait_for(place.parent / "run", "units/*.unit", 3 * place.exists())
        if place.exists():
            place.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y)


@posix
@pytest.mark.slow
def test_a_worker_that_dies_is_one_sentence_and_costs_no_finished_unit(tmp_path):
    def cv(folder):
        settings = {"mark": str(tmp_path / "mark")}
        return chain(folder, n_jobs=2).add_model(Dies, model_kwargs=settings)

    expected = cv(None).perform().results
    (tmp_path / "mark").touch()
    with pytest.raises(UnitError) as caught:
        cv(tmp_path / "run").perform()
    assert str(caught.value) == (
        "a worker process died (TerminatedWorkerError), most often because memory ran "
        "out; perform again, with a smaller `n_jobs` where memory is short: a run "
        "folder keeps the units that are finished."
    )
    assert len(list((tmp_path / "run" / "units").glob("*.unit"))) >= 3
    same(expected, cv(tmp_path / "run").perform().results)


def test_who_holds_a_folder_is_known_until_it_is_let_go(tmp_path):
    with locked(tmp_path):
        first = holder_of(tmp_path)
    with locked(tmp_path):
        assert first.split()[0] == holder_of(tmp_path).split()[0] == str(os.getpid())
        assert first != holder_of(tmp_path)
    assert holder_of(tmp_path) == ""


class Killed(BaseException):
    """The end of a process, as far as the files are concerned."""


@pytest.fixture
def dies_at(monkeypatch):
    """Have the nth file that is put in place from now on be the last."""

    def set_death(number):
        count = iter(range(1, 1_000_000))
        real = os.replace

        def replace(one, other):
            if next(count) >= number:
                raise Killed
            real(one, other)

        monkeypatch.setattr(files.os, "replace", replace)

    yield set_death
    monkeypatch.undo()


def survived(call):
    try:
        call()
    except Killed:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("start", ["new", "saved"])
def test_a_save_that_is_killed_can_be_done_again(tmp_path, dies_at, monkeypatch, start):
    results = chain(None, trials=2, keep_estimators=True).perform().results
    for number in range(1, 40, 3):
        folder = tmp_path / f"{start}-{number}"
        if start == "saved":
            results.save(folder)
            (folder / "units" / "mine.txt").write_text("mine")
        dies_at(number)
        if survived(lambda place=folder: results.save(place, estimators=True)):
            break
        monkeypatch.undo()
        with contextlib.suppress(StorageError):  # else the old ones, whole
            same(results, CrossValidationResults.load(folder))
        results.save(folder, estimators=True)
        same(results, CrossValidationResults.load(folder))
        assert start == "new" or (folder / "units" / "mine.txt").read_text() == "mine"
    assert number > 25


def test_tables_that_a_killed_run_had_not_written_are_written(tmp_path, dies_at, monkeypatch):  # fmt: skip
    chain(tmp_path, trials=2).perform()
    written = sorted(path.name for path in tmp_path.glob("*.csv"))
    for path in tmp_path.glob("*.csv"):
        path.unlink()
    dies_at(3)  # run.json and table.record were put in place
    assert not survived(chain(tmp_path, trials=2).perform)
    monkeypatch.undo()
    chain(tmp_path, trials=2).perform()
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == written


def test_a_refusal_leaves_no_file_open_and_no_lock(tmp_path):
    place = Path("/proc/self/fd")
    if not place.is_dir():
        pytest.skip("needs /proc")
    chain(tmp_path, trials=2).perform()
    unit = min((tmp_path / "units").iterdir())
    unit.write_bytes(unit.read_bytes()[:-1])
    before = len(list(place.iterdir()))
    for _ in range(3):
        with pytest.raises(StorageError, match="is damaged"):
            chain(tmp_path, trials=2).perform()
        with pytest.raises(StorageError, match="is damaged"):
            CrossValidationResults.load(tmp_path)
    assert len(list(place.iterdir())) == before
    with locked(tmp_path):
        pass
