"""The short way from results to pictures: `results.plot.scores("r2")`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from flexcv import plots
from flexcv._checks import near_miss
from flexcv.metrics.choice import choose_metric, is_greater_better
from flexcv.records import ADDRESS

from .asked import RunResults
from .class_tables import calibration_of, confusion_of, refuse_classes, roc_of
from .tables import require_predictions

PANEL = (6.4, 4.8)  # inches, a plan
# Who finds what the models themselves do not say.
GIVEN_BY = {
    "fixed_effects": "LMERModelPostProcessor",
    "importance": "PermutationImportancePostProcessor",
    "random_effects": "LMERModelPostProcessor",
}


class Pictures:
    """Pictures of one run; each takes `ax` and returns axes, and shows nothing.

    Parameters
    ----------
    results
        The results of a run.
    """

    def __init__(self, results: RunResults) -> None:
        self._results = results

    def __repr__(self) -> str:
        names = [name for name in vars(type(self)) if not name.startswith("_")]
        return f"<Pictures: {', '.join(names)}>"

    def scores(
        self, metric: Any = None, ax: Axes | None = None, *, sort: bool = False
    ) -> Axes:
        """Draw each fold's score, the mean and its interval, a row per model.

        Parameters
        ----------
        metric
            A name, a `Metric` or a function; None takes the run's first.
        ax
            Axes to draw on; new ones by default.
        sort
            Whether the best model is on top; otherwise they have the run's order.
        """
        chosen = choose_metric(self._metric(metric), self._results.metrics)
        scores = self._results.scores_of(chosen)
        intervals = self._results.interval(chosen)
        best = is_greater_better(chosen, None) if sort else None
        return plots.plot_fold_scores(
            scores, chosen.name, intervals, ax=ax, best_first=best
        )

    def comparison(
        self, metric: Any = None, ax: Axes | None = None, **settings: Any
    ) -> Axes:
        """Draw the difference of each pair of models with its interval.

        Parameters
        ----------
        metric, settings
            As in `results.compare`.
        ax
            Axes to draw on; new ones by default.
        """
        if len(self._results) < 2:
            raise ValueError(
                "a comparison needs two models, and these results have "
                f"{len(self._results)}; add another by add_model."
            )
        pairs = self._results.compare(self._metric(metric), **settings)
        return plots.plot_comparison(pairs, ax)

    def predicted(
        self, model: str | None = None, part: str = "test", ax: Axes | None = None
    ) -> Axes:
        """Draw predicted over true values.

        Parameters
        ----------
        model
            One model; all by default.
        part
            ``"test"`` or ``"train"``.
        ax
            Axes to draw on; new ones by default.
        """
        rows = self._number_rows("`predicted`")
        return plots.plot_predicted_against_actual(rows, model, part, ax)

    def residuals(
        self, model: str | None = None, part: str = "test", ax: Axes | None = None
    ) -> Axes:
        """Draw residuals over predicted values; arguments as in `predicted`."""
        rows = self._number_rows("`residuals`")
        return plots.plot_residuals_against_fitted(rows, model, part, ax)

    def residuals_by_group(
        self, model: str | None = None, part: str = "test", ax: Axes | None = None
    ) -> Axes:
        """Draw each group's residuals; arguments as in `predicted`, of one model."""
        rows = self._number_rows("`residuals_by_group`")
        if rows["group"].isna().all():
            raise ValueError(
                "residuals by group need groups, and this run has none; pass `groups` "
                "to set_data."
            )
        return plots.plot_residuals_by_group(rows, model, part, ax=ax)

    def qq(
        self, model: str | None = None, part: str = "test", ax: Axes | None = None
    ) -> Axes:
        """Draw quantiles of residuals; arguments as in `predicted`."""
        return plots.plot_qq(self._number_rows("`qq`"), model, part, ax)

    def roc(
        self, model: str | None = None, part: str = "test", ax: Axes | None = None
    ) -> Axes:
        """Draw ROC curves of classifiers, from the rows of all folds.

        Of two classes the curve is that of the last one, otherwise there is one for
        each class against the rest; arguments as in `predicted`.
        """
        rows = self._results.predictions
        return plots.plot_roc(roc_of(rows, self._results.task, model, part), ax)

    def calibration(
        self, model: str | None = None, part: str = "test", ax: Axes | None = None
    ) -> Axes:
        """Draw how often a class came over its probability; as in `roc`."""
        rows = self._results.predictions
        bins = calibration_of(rows, self._results.task, model, part)
        return plots.plot_calibration(bins, ax)

    def confusion(
        self, model: str | None = None, part: str = "test", ax: Axes | None = None
    ) -> Axes:
        """Draw how the rows of each true class were predicted, by one model.

        Arguments as in `predicted`; the first model by default.
        """
        rows = self._results.predictions
        counts = confusion_of(rows, self._results.task, model, part)
        return plots.plot_confusion(counts, ax=ax)

    def known_rows(self, metric: Any = None, ax: Axes | None = None) -> Axes:
        """Draw scores of new groups over how many of their rows were known.

        Parameters
        ----------
        metric
            A name, a `Metric` or a function; None takes the run's first.
        ax
            Axes to draw on; new ones by default.
        """
        chosen = choose_metric(self._metric(metric), self._results.metrics)
        curve = self._results.by_known_rows(chosen)
        return plots.plot_known_rows(curve, chosen.name, ax)

    def tuning(
        self,
        model: str | None = None,
        ax: Axes | None = None,
        *,
        greater_is_better: bool | None = None,
    ) -> Axes:
        """Draw the value of each trial, and the best so far in each fold.

        Parameters
        ----------
        model
            One model; all by default.
        ax
            Axes to draw on; new ones by default.
        greater_is_better
            Direction of the inner objective; None takes what the run says of it.
        """
        trials = self._results.trials
        if trials.empty:
            raise ValueError("nothing was tuned in this run, so there are no trials.")
        if greater_is_better is None:
            told = self._results.information.get("objective_greater_is_better")
            greater_is_better = None if told is None else bool(told)
        return plots.plot_tuning(_with_best(trials, greater_is_better), model, ax)

    def traces(
        self, key: str | None = None, model: str | None = None, ax: Axes | None = None
    ) -> Axes:
        """Draw a learning or EM curve, a line per fold.

        Parameters
        ----------
        key
            A column of `results.traces`; None takes the likelihood or the first.
        model
            One model; all that have the column by default.
        ax
            Axes to draw on; new ones by default.
        """
        long = self._long_traces(model)
        if key is None:
            known = self.curves(model)
            key = "loglik" if "loglik" in known else known[0]
        return plots.plot_traces(long, key, ax)

    def curves(self, model: str | None = None) -> list[str]:
        """Name the curves that `traces` can draw.

        Parameters
        ----------
        model
            One model; all by default.
        """
        return list(dict.fromkeys(self._long_traces(model)["key"]))

    def importance(self, model: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the importance of each feature in every fold.

        Models with `feature_importances_` say them, MERF those of its learner; of any
        other model `PermutationImportancePostProcessor` finds them.

        Parameters
        ----------
        model
            One model; the first that has importances by default.
        ax
            Axes to draw on; new ones by default.
        """
        return self._draw(("importance", "permutation_importance"), model, ax, None)

    def fixed_effects(
        self, model: str | None = None, fold: int = 0, ax: Axes | None = None
    ) -> Axes:
        """Draw the coefficients of one fold.

        Every mixed model and `LinearModel` say them; of other models a post-processor
        does.

        Parameters
        ----------
        model
            One model; the first that has them by default.
        fold
            The place of the fold.
        ax
            Axes to draw on; new ones by default.
        """
        return self._draw(("fixed_effects", "coefficients"), model, ax, fold)

    def random_effects(
        self,
        model: str | None = None,
        fold: int = 0,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the random effect of each group in one fold, from low to high.

        Parameters
        ----------
        model, fold, ax
            As in `fixed_effects`.
        name
            Which effect; the first by default.
        """
        frame = self._finding(("random_effects",), model).at(fold).frame
        first = frame[frame["factor"].eq(frame["factor"].iloc[0])]
        return plots.plot_random_effects(first, name, ax=ax)

    def finding(
        self,
        name: str,
        model: str | None = None,
        fold: int | None = None,
        ax: Any = None,
    ) -> Any:
        """Draw what a post-processor saw.

        Parameters
        ----------
        name
            The finding.
        model
            One model; the first that has it by default.
        fold
            The place of the fold; None is all of them for importances, else the first.
        ax
            Axes to draw on; new ones by default.
        """
        return self._draw((name,), model, ax, fold)

    # -- helpers --

    def _number_rows(self, picture: str) -> pd.DataFrame:
        refuse_classes(self._results.task, picture)
        return require_predictions(self._results.predictions)

    def _metric(self, metric: Any) -> Any:
        return self._results.metrics[0] if metric is None else metric

    def _long_traces(self, model: str | None) -> pd.DataFrame:
        traces = self._results.traces
        if model is not None:
            traces = traces[traces["model"].eq(model)]
        if traces.empty:
            whose = "" if model is None else f" of {model!r}"
            raise ValueError(
                f"there is no trace{whose}; only models that iterate keep one."
            )
        index = [*ADDRESS, "iteration"]
        numbers = traces.select_dtypes("number").columns.difference(index, sort=False)
        long = traces.melt(index, list(numbers), "key", "value")
        return long[np.isfinite(long["value"].astype(float))]

    def _draw(
        self, names: tuple[str, ...], model: str | None, ax: Any, fold: int | None
    ) -> Axes:
        drawn: Axes = self._finding(names, model).plot(ax, fold)
        return drawn

    def _finding(self, names: tuple[str, ...], model: str | None) -> Any:
        findings = self._results.findings
        if model is not None and model not in self._results:
            hint = near_miss(model, self._results) or "; see `results.models`."
            raise KeyError(f"no model is called {model!r}{hint}")
        models = findings if model is None else [model]
        for owner in models:
            for name in names:
                if name in findings.get(owner, {}):
                    return findings[owner][name]
        known = sorted({name for found in findings.values() for name in found})
        listed = ", ".join(known) or "none"
        whose = "" if model is None else f" of {model!r}"
        giver = GIVEN_BY.get(names[0])
        way = f"`{giver}`" if giver else "a post-processor that does"
        raise ValueError(
            f"there is no finding {names[0]!r}{whose}; the run has {listed}. Pass "
            f"{way} as `post_processor` to `add_model`."
        )


class PlansPictures:
    """The pictures of `Pictures` for several plans, side by side in one figure.

    Each takes what it takes for one plan but `ax`, and returns the axes, one per plan.

    Parameters
    ----------
    plans
        The results of each plan, by name.
    """

    def __init__(self, plans: Mapping[str, RunResults]) -> None:
        self._plans = plans

    def __getattr__(self, picture: str) -> Callable[..., Any]:
        """Return the function that draws a picture of each plan."""
        if picture.startswith("_") or not hasattr(Pictures, picture):
            known = [name for name in vars(Pictures) if not name.startswith("_")]
            hint = near_miss(picture, known) or f"; there are {', '.join(known)}."
            raise AttributeError(f"no picture is called {picture!r}{hint}")
        return functools.partial(self._draw, picture)

    def known_rows(self, *args: Any, **settings: Any) -> Any:
        """Draw the learning curves of the plans in which rows became known."""
        plans = {
            plan: results
            for plan, results in self._plans.items()
            if any(fold.known is not None for fold in results.folds)
        }
        return PlansPictures(plans or self._plans)._draw(
            "known_rows", *args, **settings
        )

    def __dir__(self) -> list[str]:
        return [name for name in vars(Pictures) if not name.startswith("_")]

    def _draw(self, picture: str, *args: Any, **settings: Any) -> Any:
        made = {plan: Pictures(results) for plan, results in self._plans.items()}
        draws = {plan: getattr(one, picture) for plan, one in made.items()}
        if "ax" not in inspect.signature(next(iter(draws.values()))).parameters:
            return {plan: draw(*args, **settings) for plan, draw in draws.items()}
        width, height = PANEL
        axes = plots.new_row(len(draws), width, height)
        for (plan, draw), ax in zip(draws.items(), axes, strict=True):
            draw(*args, ax=plots.in_style(ax), **settings)
            ax.set_title(plan)
        return axes


def _with_best(trials: pd.DataFrame, greater: bool | None) -> pd.DataFrame:
    """Add the best complete value so far; none where the direction is unknown."""
    values = trials["value"].astype(float).where(trials["state"].eq("complete"))
    if greater is None:
        return trials.assign(best_value=np.nan)
    by_fold = values.groupby([trials[name] for name in ADDRESS], sort=False)
    best = by_fold.cummax() if greater else by_fold.cummin()
    filled = best.groupby([trials[name] for name in ADDRESS], sort=False).ffill()
    return trials.assign(best_value=filled)
