"""A run that is worth killing: tuned and plain models, in any number of processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.linear_model import Lasso, Ridge
from sklearn.neighbors import KNeighborsRegressor

from flexcv import CrossValidation

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(90, 3)), columns=list("abc"))
Y = X["a"] + RNG.normal(size=90)


class SlowRidge(Ridge):
    """Ridge that takes its time, so that a signal finds it at work."""

    def fit(self, X, y):
        time.sleep(0.005)
        return super().fit(X, y)


def chain(folder, trials=8, seed=3, **run):
    """Return three models on three folds, two of them tuned."""
    cv = CrossValidation().set_data(X, Y).set_inner_cv(trials)
    cv = cv.set_splits(n_splits_out=3, n_splits_in=2)
    alpha = {"alpha": FloatDistribution(0.01, 10, log=True)}
    cv = cv.add_model(SlowRidge, params=alpha, model_name="Ridge")
    near = {"n_neighbors": CategoricalDistribution([3, 5, 7]), "p": CategoricalDistribution([1, 1.0, 2])}  # fmt: skip
    cv = cv.add_model(KNeighborsRegressor, params=near)
    cv = cv.add_model(Lasso, model_kwargs={"alpha": 0.1})
    return cv.set_run(folder, random_seed=seed, progress=False, **run)


def same(one, other):
    """Compare all that a run says, but for seconds."""
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    pd.testing.assert_frame_equal(one.scores, other.scores, check_exact=True)
    pd.testing.assert_frame_equal(one.params, other.params, check_exact=True)
    assert [repr(f.params) for f in one.folds] == [repr(f.params) for f in other.folds]
    trials = (r.trials.drop(columns="seconds") for r in (one, other))
    pd.testing.assert_frame_equal(*trials, check_exact=True)


def started(code, **options):
    """Start Python in a process group of its own; returns once it says it is ready."""
    head = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom tests.chain.runs import *\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", head + code, str(ROOT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        **options,
    )
    line = process.stdout.readline()
    if line != "ready\n":
        raise RuntimeError(line + process.stderr.read())
    return process


def performing(folder, **settings):
    """Start a process that performs the chain."""
    call = f"chain({str(folder)!r}, **{settings!r}).perform()"
    return started(f"print('ready', flush=True)\n{call}\n")


def wait_for(folder, pattern, count=1, seconds=60.0):
    """Wait until that many files are there."""
    end = time.monotonic() + seconds
    while len(list(Path(folder).glob(pattern))) < count and time.monotonic() < end:
        time.sleep(0.005)


def end(process, number=signal.SIGKILL, *, is_group=False):
    """Send a signal to a process or its whole group, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if is_group else os.kill)(process.pid, number)
    try:
        return process.communicate(timeout=60)
    except subprocess.TimeoutExpired:  # orphans hold the pipes
        return "", ""


def status(folder):
    """Return what `run.json` says."""
    file = Path(folder) / "run.json"
    return json.loads(file.read_text())["status"] if file.is_file() else "none"
