"""An earlier commit beside the working tree, in pairs of fresh processes.

Prints CPU seconds of both and the median ratio, pair by pair, for `import flexcv`, for
tuned runs with and without a folder, and for performing a finished run again.

    python benchmarks/before_and_after.py COMMIT
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAIRS = 7
COMMON = """
import resource, sys, tempfile, warnings
warnings.simplefilter("ignore")
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
import numpy as np, pandas as pd, optuna, sklearn.model_selection, scipy.stats
from optuna.distributions import FloatDistribution
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
optuna.logging.set_verbosity(optuna.logging.WARNING)
rng = np.random.default_rng(0)
"""
TUNED = """
from flexcv import CrossValidation
X = rng.normal(size=(2000, 20)); y = X[:, 0] + rng.normal(size=2000)
def run(folder):
    cv = CrossValidation().set_data(X, y).set_splits(n_splits_out=5, n_splits_in=3)
    cv = cv.add_model(Ridge, params={"alpha": FloatDistribution(0.01, 10.0)})
    cv.set_inner_cv(30).set_run(folder, progress=False).perform().results.summary
run(None)
start = cpu(); run(FOLDER); print(cpu() - start)
"""
RESUMED = """
from flexcv import CrossValidation
X = rng.normal(size=(60, 3)); y = X[:, 0] + rng.normal(size=60)
def run(folder):
    cv = CrossValidation().set_data(X, y).set_splits(n_splits_out=10, n_repeats=20)
    cv.add_model(DummyRegressor).set_run(folder, progress=False).perform()
folder = tempfile.mkdtemp() + "/run"
run(folder)
start = cpu(); run(folder); print(cpu() - start)
"""
CASES = {
    "import flexcv": COMMON + "start = cpu(); import flexcv; print(cpu() - start)",
    "450 inner fits of Ridge": COMMON + TUNED.replace("FOLDER", "None"),
    "the same with a folder": COMMON
    + TUNED.replace("FOLDER", "tempfile.mkdtemp() + '/run'"),
    "performing 200 finished units again": COMMON + RESUMED,
}


def cpu_seconds(code, tree):
    """Run code against one tree in a fresh process; it prints its CPU seconds."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def main():
    """Check the commit out beside the working tree, then run all cases in turn."""
    commit = sys.argv[1]
    with tempfile.TemporaryDirectory() as place:
        earlier = Path(place) / "earlier"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(earlier), commit], check=True)
        try:
            print("| case | before, CPU s | now, CPU s | now / before |")
            print("| --- | --- | --- | --- |")
            for name, code in CASES.items():
                pairs = [
                    (cpu_seconds(code, earlier), cpu_seconds(code, ROOT))
                    for _ in range(PAIRS)
                ]
                before, now = (
                    statistics.median(each) for each in zip(*pairs, strict=True)
                )
                ratio = statistics.median(b / a for a, b in pairs)
                print(
                    f"| {name} | {before:.3f} | {now:.3f} | {ratio:.2f} |", flush=True
                )
        finally:
            subprocess.run([*git, "remove", "--force", str(earlier)], check=True)


if __name__ == "__main__":
    main()
