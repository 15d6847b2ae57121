import runpy
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")

from flexcv.cli import main  # noqa: E402
from flexcv.errors import StorageError  # noqa: E402
from flexcv.tracking.dashboard import Dashboard, prepare_links  # noqa: E402

EXAMPLE = Path(__file__).parents[2] / "examples" / "tracked_run.py"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
PAGE_MILLISECONDS = 90_000  # of the browser's own clock, which waits for the network
# mlflow 3.17 with sqlalchemy 2.1
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Run the example in a folder of its own; give the folder and its summary."""
    folder = tmp_path_factory.mktemp("dashboard")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy")
        patch.chdir(folder)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        names = runpy.run_path(str(EXAMPLE), run_name="__main__")
    return folder, names["results"].summary


def page_of(url, folder):
    """Open a page in a headless browser and give it as it stands then."""
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        f"--user-data-dir={folder}",
        "--window-size=2200,1400",
        f"--virtual-time-budget={PAGE_MILLISECONDS}",
        "--dump-dom",
        url,
    ]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    return done.stdout.decode(errors="replace")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_models_values_and_charts(example, tmp_path):
    folder, summary = example
    forest = "MERF(RandomForestRegressor)"

    with Dashboard(folder / "mlflow.db", port=0) as dashboard:
        links = {link.title.partition(": ")[2]: link.url for link in dashboard.links}
        models = page_of(links["the models side by side"], tmp_path / "a")
        charts = page_of(links[f"{forest}, fold by fold"], tmp_path / "b")

    for model in summary:
        assert model in models
        assert f"{summary[model]['mean', 'mse']:.3f}"[:-1] in models
    assert "mean/test/mse" in models
    assert f"{forest}, fold 2" in charts
    assert "convergence/gll" in charts
    assert charts.count("js-plotly-plot") >= 3
    assert 'class="js-line"' in charts or 'class="lines"' in charts


@pytest.mark.slow
def test_each_cross_validation_is_linked_to(example):
    folder, _ = example

    links = prepare_links(f"sqlite:///{folder}/mlflow.db", "http://127.0.0.1:5000")

    titles = [link.title.partition(": ")[2] for link in links]
    assert titles[0] == "the models side by side"
    assert set(titles[1:-1]) == {
        "MERF(RandomForestRegressor), fold by fold",
        "LinearMixedEffectsModel, fold by fold",
    }
    assert titles[-1] == "residual plots"
    assert links[0].url.startswith(
        "http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning&"
    )


def test_a_missing_store_is_said_in_one_sentence(tmp_path):
    with pytest.raises(StorageError) as error:
        Dashboard(tmp_path / "none.db")

    assert str(error.value) == (
        f"there is no store {str(tmp_path / 'none.db')!r}; write one with "
        "set_run(..., tracker='mlflow'), or pass its file as --store."
    )


def test_the_command_says_so_too_and_fails(tmp_path, capsys):
    status = main(["ui", "--store", str(tmp_path / "none.db")])

    assert status == 1
    assert "there is no store" in capsys.readouterr().err
