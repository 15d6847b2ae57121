# %% [markdown]
# # A run is killed in the middle. Are the results the same when it goes on?

# %%
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from optuna.distributions import FloatDistribution
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.synthesizer import generate_regression


# %% One chain, for a run in one go and for one that is killed.
def chain(folder=None):
    X, y, _, _ = generate_regression(3, 300)
    cv = CrossValidation().set_data(X, y).set_inner_cv(20)
    cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 10.0)})
    return cv.set_run(folder)


def finished_units(folder):
    return len(list((folder / "units").glob("Ridge-*")))


# %% Run as a child process, this script only runs the chain in the folder it is given.
if "--child" in sys.argv:
    chain(sys.argv[-1]).perform()
    sys.exit()

# %% Kill it, with no chance to say goodbye, once the first unit is finished.
with tempfile.TemporaryDirectory() as place:
    folder = Path(place) / "run"
    child = subprocess.Popen([sys.executable, __file__, "--child", str(folder)])
    while finished_units(folder) == 0 and child.poll() is None:
        time.sleep(0.01)
    child.kill()
    child.wait()
    print(f"killed with {finished_units(folder)} of 5 units finished")

    # %% Go on where it stopped, and compare with a run in one go.
    resumed = chain(folder).perform(resume=True).get_results()

whole = chain().perform().get_results()
print("equal predictions:", resumed.predictions.equals(whole.predictions))
print("equal parameters: ", resumed.params.equals(whole.params))
assert resumed.predictions.equals(whole.predictions)
assert resumed.params.equals(whole.params)
