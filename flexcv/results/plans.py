"""The same models under several plans, side by side."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pandas as pd

from flexcv._checks import near_miss
from flexcv.dataset import Task
from flexcv.errors import NotPerformedError, StorageError
from flexcv.metrics import Metric
from flexcv.records import FoldResult
from flexcv.resampling.questions import plan_name
from flexcv.storage.folder import is_of_first_version, is_run

from ._wording import counted, why_nothing
from .asked import RunResults
from .findings import FoldFindings
from .kept_model import KeptModel
from .known_rows import NOT_ASKED
from .page import escaped
from .tables import AVERAGES, COUNT

if TYPE_CHECKING:
    from .pictures import PlansPictures

PLAN = "plan"  # the column or level that says which plan
R = TypeVar("R", bound=RunResults)
Answer = TypeVar("Answer")


class PlansCompared(Mapping[str, R]):
    """Results of several plans, by the question that each answers.

    ``plans["new groups"]`` gives the results of one plan. Plans that answer the same
    question are called by their split instead.

    Parameters
    ----------
    results
        The results of each plan, by name.

    Notes
    -----
    It has every member of `CrossValidationResults`, so that what was written for one
    split runs for several: tables gain a column or a level that names the plan,
    anything else is a dictionary by plan. A plan of which no unit was finished has no
    rows, scores and pictures; the display says why.
    """

    # How the results of one plan are read; their own module says so.
    read: ClassVar[Callable[..., Any]]

    def __init__(self, results: Mapping[str, R]) -> None:
        self._results = dict(results)

    def __getitem__(self, plan: str) -> R:
        """Return the results of one plan."""
        if plan not in self._results:
            hint = near_miss(plan, self) or f"; known are {', '.join(self)}."
            raise KeyError(f"no plan is called {plan!r}{hint}")
        return self._results[plan]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    @property
    def summary(self) -> pd.DataFrame:
        """Scores of all models under all plans, side by side.

        The index is (Fold, Metric) as in the summary of one plan, the columns are
        (plan, model). Folds of the same number are other rows under another plan, so
        only the averages are to be read across; `table` shows these.
        """
        columns = self._asked(lambda results: results.summary)
        order = list(dict.fromkeys(row for s in columns.values() for row in s.index))
        averages = (*AVERAGES, COUNT)
        order.sort(key=lambda r: averages.index(r[0]) if r[0] in averages else -1)
        table = pd.concat(
            {plan: summary.reindex(order) for plan, summary in columns.items()},
            axis=1,
            names=[PLAN],
        )
        table.index = pd.MultiIndex.from_tuples(order, names=["Fold", "Metric"])
        return table

    def table(self, metric: str | None = None) -> pd.DataFrame:
        """Return each model's mean over folds: models down, plans across.

        Parameters
        ----------
        metric
            One metric; None gives all of the test part, as (metric, plan) across.
        """
        means = self._asked(lambda results: results.summary.loc["mean"])
        wide = pd.concat(means, axis=1, names=[PLAN, "model"])
        names = [m.name for m in next(iter(self.values())).metrics]
        if metric is not None:
            known = list(wide.index)
            if metric not in known:
                hint = near_miss(metric, known) or f"; known are {', '.join(known)}."
                raise ValueError(f"metric {metric!r} was not computed{hint}")
            return self._across(wide, metric)
        tables = {name: self._across(wide, name) for name in names}
        whole: pd.DataFrame = pd.concat(tables, axis=1, names=["metric", PLAN])
        return whole

    def _across(self, wide: pd.DataFrame, metric: str) -> pd.DataFrame:
        plans = wide.columns.unique(PLAN)
        columns = {plan: wide[plan].loc[metric] for plan in plans}
        table = pd.DataFrame(columns).reindex(list(dict.fromkeys(self._models())))
        return table.rename_axis(index="model", columns=PLAN)

    def _models(self) -> Iterator[str]:
        for results in self.values():
            yield from results

    # -- tables of all plans, one below the other --

    @property
    def scores(self) -> pd.DataFrame:
        """The scores of all plans, with the plan as first column."""
        return self._stacked(lambda results: results.scores)

    @property
    def predictions(self) -> pd.DataFrame:
        """The predictions of all plans, with the plan as first column."""
        return self._stacked(lambda results: results.predictions)

    @property
    def params(self) -> pd.DataFrame:
        """What tuning chose, with the plan as first column."""
        return self._stacked(lambda results: results.params)

    @property
    def trials(self) -> pd.DataFrame:
        """The trials of all plans, with the plan as first column."""
        return self._stacked(lambda results: results.trials)

    @property
    def traces(self) -> pd.DataFrame:
        """The iterations of all plans, with the plan as first column."""
        return self._stacked(lambda results: results.traces)

    @property
    def warnings(self) -> pd.DataFrame:
        """The warnings of all plans, with the plan as first column."""
        return self._stacked(lambda results: results.warnings)

    @property
    def seconds(self) -> pd.DataFrame:
        """Wall-clock seconds of all plans, with the plan as first column."""
        return self._stacked(lambda results: results.seconds)

    @property
    def diagnostics(self) -> pd.DataFrame | None:
        """How alike the parts of each fold are, with the plan as first column."""
        if any(results.diagnostics is None for results in self.values()):
            return None
        return self._stacked(lambda results: results.diagnostics)

    def scores_of(self, metric: Any) -> pd.DataFrame:
        """Return the test scores of one metric, with the plan as first column.

        Parameters
        ----------
        metric
            As in `CrossValidationResults.scores_of`.
        """
        return _stack(self._asked(lambda results: results.scores_of(metric)))

    def compare(self, metric: Any = None, **settings: Any) -> pd.DataFrame:
        """Compare all pairs of models, plan by plan.

        Parameters
        ----------
        metric, settings
            As in `CrossValidationResults.compare`.
        """
        return _stack(self._asked(lambda r: r.compare(metric, **settings)))

    def interval(self, metric: Any = None, **settings: Any) -> pd.DataFrame:
        """Return each model's score with its interval, indexed by (plan, model).

        Parameters
        ----------
        metric, settings
            As in `CrossValidationResults.interval`.
        """
        tables = self._asked(lambda results: results.interval(metric, **settings))
        return pd.concat(tables, names=[PLAN, "model"])

    def by_known_group(
        self, *, pooled: bool = False, factor: str | None = None
    ) -> pd.DataFrame:
        """Score rows of known and of new groups apart; columns are (plan, model).

        Parameters
        ----------
        pooled, factor
            As in `CrossValidationResults.by_known_group`.
        """
        tables = self._asked(lambda r: r.by_known_group(pooled=pooled, factor=factor))
        return pd.concat(tables, axis=1, names=[PLAN])

    def by_known_rows(self, metric: Any = None, **settings: Any) -> pd.DataFrame:
        """Return the learning curves of the plans whose held-out groups had known rows.

        Parameters
        ----------
        metric, settings
            As in `CrossValidationResults.by_known_rows`; the plan is a column more.
        """
        tables = {
            plan: results.by_known_rows(metric, **settings)
            for plan, results in self._finished.items()
            if any(fold.known is not None for fold in results.folds)
        }
        if not tables:
            raise ValueError(NOT_ASKED)
        return _stack(tables)

    @property
    def known_rows_predictions(self) -> pd.DataFrame:
        """The predictions given known rows of every plan, the plan first."""
        return self._stacked(lambda results: results.known_rows_predictions)

    # -- what every plan has of its own, by plan --

    @property
    def folds(self) -> dict[str, tuple[FoldResult, ...]]:
        """What each model did on each fold, by plan."""
        return self._each(lambda results: results.folds)

    @property
    def information(self) -> dict[str, dict[str, Any]]:
        """Settings, seed and versions, by plan."""
        return self._each(lambda results: results.information)

    @property
    def estimators(self) -> dict[str, dict[str, list[Any]]]:
        """Fitted models by plan, then by model, one per fold."""
        return self._each(lambda results: results.estimators)

    @property
    def findings(self) -> dict[str, dict[str, dict[str, FoldFindings]]]:
        """What post-processors saw, by plan, then by model and name."""
        return self._each(lambda results: results.findings)

    def final(self, model: str) -> dict[str, KeptModel]:
        """Fit a model to all rows, once for each plan, whose inner splits may differ.

        Parameters
        ----------
        model
            As in `CrossValidationResults.final`.
        """
        return self._asked(lambda results: results.final(model))

    def get_best_model_by_metric(self, *args: Any, **settings: Any) -> dict[str, Any]:
        """Return the best fitted model of each plan.

        Parameters
        ----------
        args, settings
            As in `CrossValidationResults.get_best_model_by_metric`.
        """
        return self._asked(lambda r: r.get_best_model_by_metric(*args, **settings))

    def get_predictions(
        self, model_name: str, fold_id: int, repeat: int = 0
    ) -> dict[str, Any]:
        """Return the test predictions of one model on one fold, by plan."""
        return self._asked(lambda r: r.get_predictions(model_name, fold_id, repeat))

    def get_probabilities(
        self, model_name: str, fold_id: int, repeat: int = 0
    ) -> dict[str, Any]:
        """Return the probabilities of one model on one fold, by plan."""
        return self._asked(lambda r: r.get_probabilities(model_name, fold_id, repeat))

    def get_true_values(
        self, model_name: str, fold_id: int, repeat: int = 0
    ) -> dict[str, Any]:
        """Return the true test values of one fold, by plan."""
        return self._asked(lambda r: r.get_true_values(model_name, fold_id, repeat))

    # -- what all plans have in common --

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, in the order they were added."""
        return tuple(dict.fromkeys(self._models()))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What was scored."""
        return self._first.metrics

    @property
    def task(self) -> Task:
        """Whether numbers or classes were predicted."""
        return self._first.task

    @property
    def rows(self) -> pd.DataFrame:
        """Target and splitting group of each row of the table."""
        return self._first.rows

    @property
    def groups(self) -> pd.DataFrame | None:
        """The grouping columns of the table, in its order; None without any."""
        return self._first.groups

    @property
    def facts(self) -> dict[str, Any]:
        """What is known about the table."""
        return self._first.facts

    @property
    def n_repeats(self) -> int:
        """Count the repeats of the run."""
        return self._first.n_repeats

    @property
    def is_partial(self) -> bool:
        """Whether the run of any plan stopped before all its units were done."""
        return any(results.is_partial for results in self.values())

    @property
    def plot(self) -> PlansPictures:
        """Pictures of every plan side by side: ``plans.plot.scores("r2")``."""
        pictures = importlib.import_module("flexcv.results.pictures")  # matplotlib
        drawn: PlansPictures = pictures.PlansPictures(self._finished)
        return drawn

    def report(self, folder: str | os.PathLike[str], **settings: Any) -> list[Path]:
        """Write one page per plan into a folder, and return their paths.

        Parameters
        ----------
        folder
            Made when missing.
        settings
            As in `CrossValidationResults.report`.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        paths = []
        for plan, results in self._finished.items():
            path = place / f"{file_name(plan)}.html"
            results.report(path, **settings)
            paths.append(path)
        return paths

    def save(self, folder: str | os.PathLike[str], *, estimators: bool = False) -> None:
        """Write the results of each plan into a folder of its own below `folder`.

        Parameters
        ----------
        folder
            Made when missing.
        estimators
            Whether to keep the fitted models too, as pickles.
        """
        for plan, results in self.items():
            results.save(Path(folder) / file_name(plan), estimators=estimators)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, partial: bool = False
    ) -> PlansCompared[R]:
        """Read what `save` or a run of several plans wrote.

        Parameters
        ----------
        folder
            The folder that holds one folder per plan.
        partial
            As in `CrossValidationResults.load`.
        """
        below = plan_folders(Path(folder))
        if not below:
            raise StorageError(
                f"{str(folder)!r} holds no folders of plans; pass one that a run of "
                "several plans or `save` wrote."
            )
        return cls(named_by_question([cls.read(p, partial=partial) for p in below]))

    # -- helpers --

    @property
    def _first(self) -> R:
        return next(iter(self.values()))

    @property
    def _finished(self) -> dict[str, R]:
        """The plans of which a unit was finished; refused where there is none."""
        found = {plan: results for plan, results in self.items() if results.folds}
        if not found:
            raise NotPerformedError(why_nothing(self._first.stopped))
        return found

    @property
    def _empty(self) -> dict[str, str]:
        """Why there is nothing, by plan, of those of which no unit was finished."""
        return {plan: why_nothing(r.stopped) for plan, r in self.items() if not r.folds}

    def _asked(self, ask: Callable[[R], Answer]) -> dict[str, Answer]:
        """Ask the plans of which a unit was finished."""
        return {plan: ask(results) for plan, results in self._finished.items()}

    def _each(self, ask: Callable[[R], Answer]) -> dict[str, Answer]:
        return {plan: ask(results) for plan, results in self.items()}

    def _stacked(self, table: Callable[[R], Any]) -> pd.DataFrame:
        return _stack(self._each(table))

    def __repr__(self) -> str:
        partial = ", partial" if self.is_partial else ""
        models = counted(len(self.models), "model")
        lines = [f"\n{plan}: {why}" for plan, why in self._empty.items()]
        said = f"<PlansCompared: {', '.join(self)}; {models}{partial}>"
        return said + "".join(lines)

    def _repr_html_(self) -> str:
        plans = counted(len(self), "plan")
        partial = " A part of the run's units is missing." if self.is_partial else ""
        said = f"<p><b>The same models under {plans}</b>.{partial}</p>"
        lines = [
            f"<p>{escaped(plan)}: {escaped(why)}</p>"
            for plan, why in self._empty.items()
        ]
        if len(lines) < len(self):
            said += "<p>Means over folds:</p>"
            said += self.table().to_html(float_format="{:.4g}".format)
        return said + "".join(lines)


def _stack(tables: Mapping[str, Any]) -> pd.DataFrame:
    """Stack the tables of plans, with the plan as first column."""
    frames = [table.assign(**{PLAN: plan}) for plan, table in tables.items()]
    stacked = pd.concat(frames, ignore_index=True)
    first = [PLAN, *(name for name in stacked.columns if name != PLAN)]
    return pd.DataFrame(stacked[first])


def plan_folders(folder: Path) -> list[Path]:
    """Return the folders of plans below a folder that is no run itself."""
    if is_run(folder) or is_of_first_version(folder) or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_run(path))


def named_by_question(results: list[R]) -> dict[str, R]:
    """Name results by their question, or by their split where questions repeat."""
    questions = [_answered(r.information) for r in results]
    splits = [str(r.information.get("splits", "plan")) for r in results]
    return dict(zip(plan_names(questions, splits), results, strict=True))


def _answered(information: Mapping[str, Any]) -> str:
    """Name what a plan answers; a run that counted no shares has its question only."""
    known = information.get("known_groups")
    return (
        str(information.get("question", "plan")) if known is None else plan_name(known)
    )


def plan_names(questions: list[str], splits: list[str]) -> list[str]:
    """Name plans by their question, by their split where questions repeat.

    Examples
    --------
    >>> plan_names(["known groups", "new groups"], ["KFold", "GroupKFold"])
    ['known groups', 'new groups']
    >>> plan_names(["new rows", "new rows"], ["KFold", "KFold"])
    ['KFold', 'KFold 2']
    """
    names = questions if len(set(questions)) == len(questions) else splits
    return [
        name if names.index(name) == number else f"{name} {number + 1}"
        for number, name in enumerate(names)
    ]


def file_name(plan: str) -> str:
    """Name a plan as a file."""
    return re.sub(r"[^A-Za-z0-9]+", "-", plan).strip("-").lower()
