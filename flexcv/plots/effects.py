"""Effects of features and of groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from ._axes import (
    INK,
    add_legend,
    add_note,
    axes_or_new,
    check_columns,
    colour,
    name_rows,
    pick,
    rows_height,
    spread,
    zero_line,
)

MANY_GROUPS = 40  # from here on group labels would overlap
POSITIVE, NEGATIVE = colour(0), colour(1)


def plot_fixed_effects(effects: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw each fixed effect as a dot on its interval.

    Blue is positive and orange negative where the interval excludes zero; an effect
    that may be zero is grey.

    Parameters
    ----------
    effects
        Columns `estimate`, `lower` and `upper`; names in the column `name`, or as the
        index. A model without intervals, such as a penalised one, has its estimates
        drawn alone, those of zero grey.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> effects = pd.DataFrame(
    ...     {"estimate": [1.0, -0.2], "lower": [0.5, -0.6], "upper": [1.5, 0.2]},
    ...     index=["dose", "body weight"],
    ... )
    >>> [label.get_text() for label in plot_fixed_effects(effects).get_yticklabels()]
    ['dose', 'body weight']
    """
    check_columns("effects", effects, ["estimate"])
    ends = dict.fromkeys(("lower", "upper"), effects["estimate"])
    effects = effects.assign(**{k: v for k, v in ends.items() if k not in effects})
    ax = axes_or_new(ax, rows_height(len(effects)))
    columns = effects[["estimate", "lower", "upper"]].to_numpy(dtype=float)
    for row, (estimate, lower, upper) in enumerate(columns):
        shade = POSITIVE if lower > 0 else NEGATIVE if upper < 0 else INK
        ax.plot([lower, upper], [row, row], color=shade, linewidth=2)
        ax.plot([estimate], [row], "o", color=shade, markersize=7)
    zero_line(ax)
    name_rows(ax, list(effects.get("name", effects.index)))
    ax.set_xlabel("effect")
    return ax


def plot_within_and_between(slopes: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw, feature by feature, the slope within groups and the one between them.

    Both are per standard deviation of the feature, with 95 % intervals.

    Parameters
    ----------
    slopes
        The table of `flexcv.preprocessing.contextual_effects`: columns `within`,
        `within_se`, `between`, `between_se` and `sd`; a row per feature.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> slopes = pd.DataFrame(
    ...     {
    ...         "within": [0.2],
    ...         "within_se": [0.1],
    ...         "between": [2.0],
    ...         "between_se": [0.2],
    ...         "sd": [1.0],
    ...     },
    ...     index=["age"],
    ... )
    >>> [text.get_text() for text in plot_within_and_between(slopes).get_legend().texts]
    ['within groups', 'between groups']
    """
    names = ["within", "within_se", "between", "between_se", "sd"]
    check_columns("slopes", slopes, names)
    ax = axes_or_new(ax, rows_height(len(slopes)))
    rows = np.arange(len(slopes))
    sd = slopes["sd"].to_numpy(float)
    for number, (kind, shift) in enumerate([("within", -0.12), ("between", 0.12)]):
        slope = slopes[kind].to_numpy(float) * sd
        half = stats.norm.ppf(0.975) * slopes[f"{kind}_se"].to_numpy(float) * sd
        ax.errorbar(
            slope,
            rows + shift,
            xerr=half,
            fmt="os"[number],
            color=colour(number),
            linewidth=2,
            label=f"{kind} groups",
        )
    zero_line(ax)
    name_rows(ax, list(slopes.index))
    ax.set_xlabel("slope per standard deviation")
    add_legend(ax, ["within", "between"])
    return ax


def plot_random_effects(
    effects: pd.DataFrame,
    name: str | None = None,
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw the random effect of each group with its interval, from low to high.

    Parameters
    ----------
    effects
        One row per group and effect: group, name, effect, sd.
    name
        Which effect; the first by default.
    level
        Coverage of the normal intervals.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> effects = pd.DataFrame(
    ...     {"group": ["a", "b"], "name": "Intercept", "effect": [2, -1], "sd": 0.5}
    ... )
    >>> [label.get_text() for label in plot_random_effects(effects).get_yticklabels()]
    ['a', 'b']
    """
    check_columns("effects", effects, ["group", "name", "effect", "sd"])
    shown = pick("name", effects, "name", name).sort_values("effect", ascending=False)
    n_groups = len(shown)
    ax = axes_or_new(ax, rows_height(n_groups) if n_groups <= MANY_GROUPS else 6.0)
    values = shown["effect"].to_numpy(dtype=float)
    reach = stats.norm.ppf(0.5 + level / 2.0) * shown["sd"].to_numpy(dtype=float)
    rows, many = np.arange(n_groups), n_groups > MANY_GROUPS
    width, size = (0.8, 3) if many else (1.5, 5)
    ax.hlines(rows, values - reach, values + reach, color=colour(0), linewidth=width)
    ax.plot(values, rows, "o", color=colour(0), markersize=size)
    zero_line(ax)
    name_rows(ax, list(shown["group"]))
    if many:
        ax.set_yticks([])
        ax.set_ylabel(f"{n_groups} groups")
    ax.set_xlabel(f"random effect: {shown['name'].iloc[0]}")
    return ax


def plot_effect_distribution(effects: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how the groups' random effects are spread, a histogram per effect.

    Parameters
    ----------
    effects
        One row per group and effect: name, effect.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> effects = pd.DataFrame({"name": "Intercept", "effect": [-1.0, 0.2, 0.5]})
    >>> plot_effect_distribution(effects).get_ylabel()
    'groups'
    """
    check_columns("effects", effects, ["name", "effect"])
    ax = axes_or_new(ax)
    names = list(dict.fromkeys(effects["name"]))
    values = effects["effect"].to_numpy(dtype=float)
    edges = np.histogram_bin_edges(values, "auto").tolist()
    for number, name in enumerate(names):
        own = values[effects["name"].eq(name).to_numpy()]
        ax.hist(own, edges, color=colour(number), alpha=0.6, label=str(name))
    zero_line(ax)
    ax.set_xlabel("random effect")
    ax.set_ylabel("groups")
    add_legend(ax, names)
    return ax


def plot_importance(
    importance: pd.DataFrame, max_features: int = 20, ax: Axes | None = None
) -> Axes:
    """Draw each feature's importance in every fold, and the mean, largest first.

    Parameters
    ----------
    importance
        One row per feature and fold: feature, fold, importance.
    max_features
        With more features, the most important ones are shown.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> importance = pd.DataFrame(
    ...     {
    ...         "feature": ["a", "b", "a", "b"],
    ...         "fold": [0, 0, 1, 1],
    ...         "importance": [0.2, 0.8, 0.3, 0.7],
    ...     }
    ... )
    >>> [label.get_text() for label in plot_importance(importance).get_yticklabels()]
    ['b', 'a']
    """
    check_columns("importance", importance, ["feature", "fold", "importance"])
    by_feature = importance.groupby("feature", sort=False, observed=True)["importance"]
    means = by_feature.mean().sort_values(ascending=False, kind="stable")
    shown = means.head(max_features)
    ax = axes_or_new(ax, rows_height(len(shown)))
    for row, feature in enumerate(shown.index):
        values = by_feature.get_group(feature).to_numpy()
        heights = row + spread(len(values), 0.18)
        ax.plot(values, heights, "o", color=colour(0), alpha=0.4, markersize=4)
    ax.plot(shown.to_numpy(), np.arange(len(shown)), "D", color=colour(0), markersize=7)
    zero_line(ax)
    name_rows(ax, list(shown.index))
    ax.set_xlabel("importance (diamond: mean over folds)")
    if len(shown) < len(means):
        add_note(ax, f"{len(shown)} of {len(means)} features")
    return ax
