"""The command line: `python -m flexcv demo`, `ui`, `view` and `neptune-view`."""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from sklearn.ensemble import RandomForestRegressor

from flexcv.datasets import load_sleepstudy
from flexcv.errors import FlexcvError, GroupsWarning
from flexcv.interface import CrossValidation, Results
from flexcv.models import LinearMixedEffectsModel, LinearModel
from flexcv.tracking.opening import require_backend
from flexcv.tracking.views import local_page, neptune_page

VIEWS: dict[str, tuple[Callable[[Path], str], str]] = {
    "view": (local_page, "a run folder"),
    "neptune-view": (neptune_page, "the runs in Neptune's offline folder"),
}
FOREST = {"n_estimators": 100, "min_samples_leaf": 5}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "ui":
        return run_ui(options.store, options.port)
    if options.command in VIEWS:
        return write_view(options.command, options.folder, options.out)
    run_demo(options.folder)
    return 0


def write_view(command: str, folder: Path, out: Path) -> int:
    """Write the page of a run that lies in a folder, and say where it is."""
    try:
        out.write_text(VIEWS[command][0](folder), encoding="utf-8")
    except FlexcvError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The page is {out.resolve()}.")
    return 0


def run_ui(store: Path, port: int) -> int:
    """Serve MLflow's pages on a store until interrupted."""
    try:
        require_backend("mlflow")
        dashboard = importlib.import_module("flexcv.tracking.dashboard")
        dashboard.serve_ui(store, port, lambda text: print(text, flush=True))
    except FlexcvError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run_demo(folder: Path) -> None:
    """Compare four models on the sleepstudy table, for known and for new subjects."""
    table = load_sleepstudy()
    print(
        f"Reaction times of {table['Subject'].nunique()} drivers over ten days of too "
        f"little sleep ({len(table)} rows).\n"
    )
    for title, split in (("known", "KFold"), ("new", "GroupKFold")):
        results = compare_on_sleepstudy(table, split, folder / f"{title}-subjects")
        print(f"How well are {title} subjects predicted? ({split}, mean of 5 folds)")
        table_of_means = pd.DataFrame(results.summary.loc["mean"]).round(2)
        print(table_of_means.to_string(index_names=False), "\n")
    print(
        "Random effects pay for subjects the model has seen; for a new subject they "
        "fall back to the population.\n"
        f"Both runs, with every table, are in {folder.resolve()}."
    )


def compare_on_sleepstudy(table: pd.DataFrame, split: str, folder: Path) -> Results:
    """Cross-validate four models on the sleepstudy table."""
    with warnings.catch_warnings():
        # The demo itself says which question each run answers.
        warnings.simplefilter("ignore", GroupsWarning)
        cv = (
            CrossValidation()
            .set_data(table, "Reaction", "Subject", "Days", dataset_name="sleepstudy")
            .set_splits(split)
            .add_model(LinearModel)
            .add_model(LinearMixedEffectsModel)
            .add_model(RandomForestRegressor, model_kwargs=FOREST, add_merf=True)
            .set_merf(em_max_iterations=10)
            .set_run(folder)
            .perform(resume=False)
        )
    return cv.get_results()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flexcv", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo", help="compare four models on the sleepstudy table"
    )
    demo.add_argument(
        "--folder",
        type=Path,
        default=Path("flexcv-demo"),
        help="where the two runs are written (default: flexcv-demo)",
    )
    pages = commands.add_parser("ui", help="look at tracked runs in MLflow's pages")
    pages.add_argument(
        "--store",
        type=Path,
        default=Path("mlflow.db"),
        help="the database file (default: mlflow.db)",
    )
    pages.add_argument(
        "--port", type=int, default=5000, help="on 127.0.0.1 (default: 5000)"
    )
    for name, (_, what) in VIEWS.items():
        view = commands.add_parser(name, help=f"write {what} as one HTML page")
        view.add_argument("folder", type=Path, help="where it lies")
        view.add_argument(
            "--out",
            type=Path,
            default=Path(f"{name}.html"),
            help=f"the page (default: {name}.html)",
        )
    return parser
