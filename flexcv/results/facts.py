"""What a reader wants to know about the table of a run, without the table."""

from __future__ import annotations

from typing import Any

from flexcv.dataset import Dataset


def data_facts(dataset: Dataset) -> dict[str, Any]:
    """Describe a table: names, sizes, and how its target and groups look.

    Examples
    --------
    >>> from flexcv.dataset import make_dataset
    >>> facts = data_facts(make_dataset({"x": [1.0, 2.0]}, [3.0, 5.0]))
    >>> facts["n_rows"], facts["features"], facts["target_mean"]
    (2, ['x'], 4.0)
    """
    target = dataset.target
    facts: dict[str, Any] = {
        "name": dataset.name,
        "n_rows": len(dataset),
        "features": [str(name) for name in dataset.features.columns],
        "target": str(target.name),
        **_target_facts(dataset),
        "groups": [str(name) for name in dataset.group_names],
        "slopes": list(dataset.slopes),
    }
    if dataset.extra_names:
        facts["extra"] = list(dataset.extra_names)
    if dataset.weights is not None:
        facts["weights_in"] = list(dataset.weights.reach)
    labels = dataset.splitting_groups
    if labels is not None:
        sizes = labels.value_counts()
        sizes = sizes[sizes > 0]
        facts |= {
            "n_groups": len(sizes),
            "smallest_group": int(sizes.min()),
            "median_group": float(sizes.median()),
            "largest_group": int(sizes.max()),
        }
    return facts


def _target_facts(dataset: Dataset) -> dict[str, Any]:
    target = dataset.target
    if dataset.task.is_classification:
        counts = target.value_counts(sort=False)
        known: dict[str, Any] = {str(label): int(n) for label, n in counts.items()}
        said = {} if dataset.positive is None else {"positive": str(counts.index[-1])}
        return {"classes": known, **said}
    return {
        "target_mean": float(target.mean()),
        "target_std": float(target.std()),
        "target_min": float(target.min()),
        "target_max": float(target.max()),
    }
