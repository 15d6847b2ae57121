import json
import runpy
import shutil
import subprocess
import urllib.request
import warnings
from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")

from flexcv.cli import main  # noqa: E402
from flexcv.errors import StorageError  # noqa: E402
from flexcv.tracking import open_tracker  # noqa: E402
from flexcv.tracking.dashboard import (  # noqa: E402
    VIEW_TAG,
    Dashboard,
    prepare_links,
)
from flexcv.tracking.mlflow import sqlite_uri  # noqa: E402

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
        assert str(summary[model]["mean", "mse"])[:6] in models
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
        "all folds, ranked",
        "MERF(RandomForestRegressor), fold by fold",
        "LinearMixedEffectsModel, fold by fold",
    }
    assert titles[-1] == "residual plots"
    assert links[0].url.startswith(
        "http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning&"
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Runs that ended in every way, each in an experiment of its own."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy")
        for name in ("killed", "failed", "classes", "own metrics"):
            begin(name, sqlite_uri(path))
    return path


OWN = ("a score", "odd loss (mine)")


def begin(name, uri):
    """Tell a run of what its name says."""
    run = open_tracker("mlflow", experiment=name, uri=uri)
    run.set_tags({"flexcv.kind": "cross-validation"})
    if name == "killed":  # before a model began
        return
    model = run.child("Ridge", "model", {})
    if name == "failed":
        run.log_text("error.txt", "ValueError: no fit")
    if name == "classes":
        run.log_text("classes.html", "<p>")
    if name == "own metrics":
        run.log_params({f"direction/{name}": "greater is better" for name in OWN})
        run.set_tags({"flexcv.first_metric": "odd loss (mine)"})
        numbers = {"mean/test/mse": 1.0, "std/test/odd loss (mine)": 0.1}
        model.log_metrics(numbers | {f"mean/test/{name}": 2.0 for name in OWN})
        fold = model.child("fold 0", "fold", {"flexcv.kind": "fold"})
        fold.log_metrics({f"test/{name}": 2.0 for name in OWN})
        fold.finish("finished")
        run.log_text("residuals.html", "<p>")
    model.finish("finished")
    run.finish("failed" if name == "failed" else "finished")


def titles_of(links, experiment):
    found = [link.title for link in links if link.title.startswith(experiment)]
    return [title.partition(": ")[2] for title in found]


def views_of(store):
    """The views that were kept, each with its experiment."""
    client = mlflow.MlflowClient(sqlite_uri(store))
    return [
        (experiment, json.loads(experiment.tags[key]))
        for experiment in client.search_experiments()
        for key in sorted(experiment.tags)
        if key.startswith(VIEW_TAG)
    ]


def test_each_run_is_linked_to_what_it_has(store):
    links = prepare_links(sqlite_uri(store), "http://127.0.0.1:5000")

    assert titles_of(links, "killed") == ["its settings (running)"]
    assert titles_of(links, "failed") == ["the models side by side", "why it stopped"]
    assert titles_of(links, "classes") == [
        "the models side by side",
        "plots of the classes",
    ]
    assert titles_of(links, "own metrics") == [
        "the models side by side",
        "all folds, ranked",
        "residual plots",
    ]
    assert all("residuals" not in link.url for link in links if "own" not in link.title)


def test_runs_are_sorted_by_what_was_told_of_the_first_metric(store):
    prepare_links(sqlite_uri(store), "http://127.0.0.1:5000")

    orders = [
        (experiment.name, view["orderByKey"], view["orderByAsc"])
        for experiment, view in views_of(store)
    ]
    assert sorted(orders) == [
        ("classes", "attributes.run_name", True),
        ("failed", "attributes.run_name", True),
        ("own metrics", "metrics.`mean/test/odd loss _0x28_mine_0x29_`", False),
        ("own metrics", "metrics.`test/odd loss _0x28_mine_0x29_`", False),
    ]


@pytest.mark.slow
def test_every_view_and_page_is_answered_by_the_server(store):
    with Dashboard(store, port=0) as dashboard:
        for experiment, view in views_of(store):
            direction = "ASC" if view["orderByAsc"] else "DESC"
            asked = {
                "experiment_ids": [experiment.experiment_id],
                "filter": view["searchFilter"],
                "order_by": [f"{view['orderByKey']} {direction}"],
            }
            found = answer(f"{dashboard.url}/ajax-api/2.0/mlflow/runs/search", asked)
            assert len(json.loads(found)["runs"]) == 1
        for link in dashboard.links:
            if "/artifacts/" in link.url:
                run, _, rest = link.url.partition("/runs/")[2].partition("/artifacts/")
                file = rest.partition("?")[0]
                address = f"get-artifact?run_uuid={run}&path={file}"
                assert answer(f"{dashboard.url}/{address}")


def answer(url, content=None):
    """Ask the server as its pages do."""
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read()


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
