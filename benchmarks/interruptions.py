"""What is done to run folders, how often, and how often they held.

Held means: the same numbers as an uninterrupted run, or one sentence of a
`StorageError`. What is tried is chosen by name: kills, signals, dask, tunes, saves,
damages, disks. Without a name it is all of it.

    python benchmarks/interruptions.py [kills signals ...]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import contextlib
import itertools
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from flexcv import CrossValidationResults
from flexcv.errors import StorageError
from flexcv.results import load_estimators
from flexcv.tracking import read_run
from tests.chain.runs import chain, end, performing, same, started, wait_for
from tests.chain.test_resume_damaged import KEPT, damaged

DICE = random.Random(0)
LONGEST = 1.0  # seconds of work before a kill
ON_DASK = """
from distributed import Client
client = Client({address!r})
print("ready", flush=True)
chain({folder!r}, backend="dask", n_jobs=-1).perform()
"""
TUNE = """
print("ready", flush=True)
while not Path({go!r}).exists():
    time.sleep(0.002)
chain({folder!r}, trials=30).tune("Ridge", fold=0)
"""
SAVE = """
results = CrossValidationResults.load({source!r})
count, real = itertools.count(1), os.replace
def replace(one, other):
    if next(count) == {number}:
        os.kill(os.getpid(), 9)
    real(one, other)
os.replace = replace
print("ready", flush=True)
results.save({folder!r})
"""


def killed(folder, whole, n_jobs, is_group):
    """Kill a run at a random moment; go on at once, then from the trials alone."""
    process = performing(folder, n_jobs=n_jobs)
    wait_for(folder, "trials/*.log")
    time.sleep(DICE.uniform(0, LONGEST))
    (os.killpg if is_group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    CrossValidationResults.load(folder, partial=True)
    same(whole, chain(folder, n_jobs=DICE.choice([1, 2])).perform().results)
    time.sleep(1.0)  # orphans of the killed run write trials
    same(whole, CrossValidationResults.load(folder))
    _from_trials(folder, whole)
    end(process, is_group=True)


def signalled(folder, whole, number, n_jobs):
    """Send a signal at a random moment and go on."""
    process = performing(folder, n_jobs=n_jobs)
    wait_for(folder, "trials/*.log")
    time.sleep(DICE.uniform(0, LONGEST))
    os.kill(process.pid, number)
    process.wait()
    CrossValidationResults.load(folder, partial=True)
    same(whole, chain(folder).perform().results)
    _from_trials(folder, whole)
    end(process, is_group=True)


def killed_on_dask(folder, whole, client, address, is_worker):
    """Kill a worker of a cluster, or the process that waits for it."""
    code = ON_DASK.format(address=address, folder=str(folder))
    process = started(code)
    wait_for(folder, "trials/*.log")
    time.sleep(DICE.uniform(0, LONGEST))
    one = next(iter(client.run(os.getpid).values())) if is_worker else process.pid
    os.kill(one, signal.SIGKILL)
    process.communicate(timeout=120)
    same(whole, chain(folder, backend="dask", n_jobs=-1).perform().results)
    time.sleep(1.0)
    _from_trials(folder, whole)


def tuned_together(folder, is_performed):
    """Let two processes tune one unit, kill one of them, perhaps perform meanwhile."""
    go = folder.parent / "go"
    code = TUNE.format(folder=str(folder), go=str(go))
    one, other = started(code), started(code)
    go.touch()
    wait_for(folder, "trials/*.log")
    time.sleep(DICE.uniform(0.05, 0.3))
    one.kill()
    first = chain(folder, trials=30).perform().results if is_performed else None
    one.wait()
    other.communicate(timeout=120)
    assert other.returncode == 0
    if is_performed:  # what was performed stays; the other's trials came beside it
        same(first, chain(folder, trials=30).perform().results)
        shutil.rmtree(folder / "units")
    first = chain(folder, trials=30).perform().results
    _from_trials(folder, first, trials=30)


def _from_trials(folder, whole, **settings):
    shutil.rmtree(folder / "units")
    same(whole, chain(folder, **settings).perform().results)


def killed_save(folder, source, results, number):
    """Kill a save while it puts its nth file in place; save again."""
    head = "import itertools\nfrom flexcv import CrossValidationResults\n"
    code = SAVE.format(source=str(source), folder=str(folder), number=number)
    started(head + code).communicate(timeout=60)
    with contextlib.suppress(StorageError):
        same(results, CrossValidationResults.load(folder))
    CrossValidationResults.load(source).save(folder)
    same(results, CrossValidationResults.load(folder))


def spoilt(folder, source, whole, seed):
    """Damage one file; whatever is read is right, or refused in one sentence."""
    shutil.copytree(source, folder, symlinks=True)
    damaged(folder, random.Random(seed))
    for call in (
        lambda: CrossValidationResults.load(folder),
        lambda: CrossValidationResults.load(folder, partial=True),
        lambda: read_run(folder / "tracking"),
        lambda: load_estimators(folder, trust_pickle=True),
        lambda: chain(folder, trials=2, **KEPT).perform().results,
        lambda: CrossValidationResults.load(folder),
    ):
        _right_or_refused(call, whole)


def _right_or_refused(call, whole):
    try:
        given = call()
    except StorageError as error:
        if re.fullmatch(r"[^\n]*\.", str(error)) is None:
            raise AssertionError(str(error)) from error
        return
    if isinstance(given, CrossValidationResults):
        if not given.is_partial:
            same(whole, given)
        known = {fold.key: fold for fold in whole.folds}
        for fold in given.folds:
            rows, mine = known[fold.key].test, fold.test
            assert (rows.predicted == mine.predicted).all()
            assert (rows.rows == mine.rows).all()


def filled(folder, whole, kilobytes):
    """Run on a disk that is too small, then somewhere else."""
    disk = folder.parent / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
    subprocess.run(["mount", *options], check=True)
    try:
        for _ in range(2):
            with contextlib.suppress(StorageError):
                chain(disk / "run").perform()
        shutil.copytree(disk / "run", folder)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    same(whole, chain(folder).perform().results)


def kills():
    """Yield kills of processes."""
    whole = chain(None).perform().results
    for number in range(20):
        is_group = number % 2 == 1
        what = "SIGKILL, 2 workers, " + ("group" if is_group else "main process")
        yield what, lambda f, g=is_group: killed(f, whole, 2, g)


def signals():
    """Yield signals that a process may answer."""
    whole = chain(None).perform().results
    for number in range(16):
        kind = (signal.SIGINT, signal.SIGTERM)[number % 2]
        yield (
            kind.name,
            lambda f, k=kind, n=1 + number // 2 % 2: signalled(f, whole, k, n),
        )


def dask():
    """Yield kills around a cluster."""
    from distributed import Client, LocalCluster  # noqa: PLC0415

    whole = chain(None).perform().results
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(host="127.0.0.1", **options) as cluster, Client(cluster) as own:
        address = cluster.scheduler_address
        for number in range(10):
            is_worker = number % 2 == 1
            what = f"SIGKILL, dask, {'worker' if is_worker else 'client'}"
            yield what, lambda f, w=is_worker: killed_on_dask(f, whole, own, address, w)


def tunes():
    """Yield tunings that processes share."""
    for number in range(6):
        is_performed = number % 2 == 1
        what = "one of two tunes killed" + (", performed" if is_performed else "")
        yield what, lambda f, p=is_performed: tuned_together(f, p)


def saves():
    """Yield saves that are killed, into new folders and over saved ones."""
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "saved"
        chain(None, trials=2).perform().results.save(source)
        results = CrossValidationResults.load(source)
        for number in range(1, 21):
            yield (
                "SIGKILL while saving",
                lambda f, n=number: killed_save(f, source, results, n),
            )


def damages():
    """Yield damages to the files of a finished and of a half finished folder."""
    with tempfile.TemporaryDirectory() as place:
        finished, half = Path(place) / "finished", Path(place) / "half"
        whole = chain(finished, trials=2, **KEPT).perform().results
        process = performing(half, trials=2, **KEPT)
        wait_for(half, "units/*.unit", 4)
        end(process)
        for seed in range(1000):
            source = (finished, half)[seed % 2]
            what = f"one damaged file, {source.name} run"
            yield what, lambda f, s=source, n=seed: spoilt(f, s, whole, n)


def disks():
    """Yield disks that are too small."""
    whole = chain(None).perform().results
    for kilobytes in range(24, 420, 28):
        yield "full disk", lambda f, k=kilobytes: filled(f, whole, k)


KINDS = (kills, signals, dask, tunes, saves, damages, disks)


def main(names):
    """Try what was asked for and print how often it held."""
    warnings.simplefilter("ignore")
    chosen = [kind for kind in KINDS if not names or kind.__name__ in names]
    tried, held = {}, {}
    for what, attempt in itertools.chain.from_iterable(kind() for kind in chosen):
        tried[what] = tried.get(what, 0) + 1
        with tempfile.TemporaryDirectory() as place:
            try:
                attempt(Path(place) / "run")
            except Exception as error:  # noqa: BLE001  it is counted and shown
                print(f"{what}: {type(error).__name__}: {str(error)[:300]}")
            else:
                held[what] = held.get(what, 0) + 1
    print(f"{'what was tried':40s} {'tried':>6s} {'held':>6s}")
    for what, count in tried.items():
        print(f"{what:40s} {count:6d} {held.get(what, 0):6d}")


if __name__ == "__main__":
    main(sys.argv[1:])
