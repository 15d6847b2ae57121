"""The same models under several plans, side by side."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flexcv._checks import near_miss
from flexcv.errors import StorageError

from .results import CrossValidationResults

PLAN = "plan"  # the column or level that says which plan


class PlansCompared(Mapping[str, CrossValidationResults]):
    """Results of several plans, by the question that each answers.

    ``plans["new groups"]`` gives the results of one plan. Plans that answer the same
    question are called by their split instead.

    Parameters
    ----------
    results
        The results of each plan, by name.
    """

    def __init__(self, results: Mapping[str, CrossValidationResults]) -> None:
        self._results = dict(results)

    def __getitem__(self, plan: str) -> CrossValidationResults:
        """Give the results of one plan."""
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
        columns = {plan: results.summary for plan, results in self.items()}
        order = list(dict.fromkeys(row for s in columns.values() for row in s.index))
        averages = {"mean": 0, "median": 1, "std": 2}
        order.sort(key=lambda row: averages.get(row[0], -1))
        table = pd.concat(
            {plan: summary.reindex(order) for plan, summary in columns.items()},
            axis=1,
            names=[PLAN],
        )
        table.index = pd.MultiIndex.from_tuples(order, names=["Fold", "Metric"])
        return table

    def table(self, metric: str | None = None) -> pd.DataFrame:
        """Give each model's mean over folds: models down, plans across.

        Parameters
        ----------
        metric
            One metric; None gives all of the test part, as (metric, plan) across.
        """
        means = {plan: results.summary.loc["mean"] for plan, results in self.items()}
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
        columns = {plan: wide[plan].loc[metric] for plan in self}
        table = pd.DataFrame(columns).reindex(list(dict.fromkeys(self._models())))
        return table.rename_axis(index="model", columns=PLAN)

    def _models(self) -> Iterator[str]:
        for results in self.values():
            yield from results

    @property
    def scores(self) -> pd.DataFrame:
        """The scores of all plans, with the plan as first column."""
        return self._stacked(lambda results: results.scores)

    @property
    def predictions(self) -> pd.DataFrame:
        """The predictions of all plans, with the plan as first column."""
        return self._stacked(lambda results: results.predictions)

    @property
    def warnings(self) -> pd.DataFrame:
        """The warnings of all plans, with the plan as first column."""
        return self._stacked(lambda results: results.warnings)

    def compare(self, metric: Any = None, **settings: Any) -> pd.DataFrame:
        """Compare all pairs of models, plan by plan.

        Parameters
        ----------
        metric, settings
            As in `CrossValidationResults.compare`.
        """
        return self._stacked(lambda results: results.compare(metric, **settings))

    def interval(self, metric: Any = None, **settings: Any) -> pd.DataFrame:
        """Give each model's score with its interval, indexed by (plan, model).

        Parameters
        ----------
        metric, settings
            As in `CrossValidationResults.interval`.
        """
        tables = {p: r.interval(metric, **settings) for p, r in self.items()}
        return pd.concat(tables, names=[PLAN, "model"])

    def report(self, folder: str | os.PathLike[str], **settings: Any) -> list[Path]:
        """Write one page per plan into a folder, and give their paths.

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
        for plan, results in self.items():
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
    def load(cls, folder: str | os.PathLike[str]) -> PlansCompared:
        """Read what `save` or a run of several plans wrote.

        Parameters
        ----------
        folder
            The folder that holds one folder per plan.
        """
        place = Path(folder)
        inside = sorted(place.glob("*/results.json")) if place.is_dir() else []
        if not inside:
            raise StorageError(
                f"{str(place)!r} holds no folders of plans; pass one that a run of "
                "several plans or `save` wrote."
            )
        loaded = [CrossValidationResults.load(file.parent) for file in inside]
        return cls(named_by_question(loaded))

    def _stacked(
        self, table: Callable[[CrossValidationResults], pd.DataFrame]
    ) -> pd.DataFrame:
        frames = [table(r).assign(**{PLAN: plan}) for plan, r in self.items()]
        stacked = pd.concat(frames, ignore_index=True)
        first = [PLAN, *(name for name in stacked.columns if name != PLAN)]
        return stacked[first]

    def __repr__(self) -> str:
        n_models = len(set(self._models()))
        return f"<PlansCompared: {', '.join(self)}; {n_models} models>"

    def _repr_html_(self) -> str:
        shown = self.table().to_html(float_format="{:.4g}".format)
        return f"<p><b>The same models under {len(self)} plans</b>, means.</p>{shown}"


def named_by_question(
    results: list[CrossValidationResults],
) -> dict[str, CrossValidationResults]:
    """Name results by their question, or by their split where questions repeat."""
    questions = [str(r.information.get("question", "plan")) for r in results]
    splits = [str(r.information.get("splits", "plan")) for r in results]
    return dict(zip(plan_names(questions, splits), results, strict=True))


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
