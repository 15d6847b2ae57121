"""Slopes that differ within and between groups, and models that take them for one."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from flexcv._checks import listed
from flexcv.model_mapping import ModelSpec, is_called
from flexcv.preprocessing import ContextualEffects, contextual_effects

from .setup import Setup, Told

FEWEST_GROUPS = 8
SHOWN = 2  # features in a sentence


def contextual_effects_told(setup: Setup) -> Told:
    """Tell of features whose slopes within groups are not those between groups."""
    dataset = setup.dataset
    groups = dataset.splitting_groups
    unaware = [] if setup.scaling.between else names_unaware(setup.specs)
    if groups is None or not unaware or dataset.task.kind == "multiclass":
        return
    if groups.nunique() < FEWEST_GROUPS:
        return
    found = contextual_effects(setup.features, dataset.numbers, groups)
    if not found.differ:
        return
    is_new = setup.plan.keeps_groups
    said = (
        f"slopes within each {dataset.group_names[0]!r} differ from those between them "
        f"({_examples(found)}), and {listed(unaware)} learn{_s(unaware)} those within"
    )
    yield (
        "warn" if is_new else "note",
        f"{said}, which are wrong for groups that are new; pass between='auto' to "
        "set_data."
        if is_new
        else f"{said}, as known groups need it; for new ones pass between='auto' to "
        "set_data.",
    )


def names_unaware(specs: tuple[ModelSpec, ...]) -> list[str]:
    """Name the models with effects of groups that take both slopes for one."""
    models = [(spec.name, spec.estimator) for spec in specs]
    models += [
        (variant.name, variant.wrap(clone(spec.estimator)))
        for spec in specs
        for variant in spec.variants
    ]
    return [name for name, estimator in models if _takes_one(estimator)]


def _takes_one(estimator: Any) -> bool:
    said = [
        value
        for name, value in estimator.get_params(deep=True).items()
        if is_called(name, "between")
    ]
    return bool(said) and not any(said)


def _examples(found: ContextualEffects) -> str:
    table = found.table.sort_values("p_value").head(SHOWN)
    rows = (
        f"{name!r}: {row['within']:.2g} within, {row['between']:.2g} between"
        for name, row in table.iterrows()
    )
    p = "< 0.001" if found.p_value < 0.001 else f"= {found.p_value:.3f}"
    return f"{'; '.join(rows)}; p {p}"


def _s(names: list[str]) -> str:
    return "s" if len(names) == 1 else ""
