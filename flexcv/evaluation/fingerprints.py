"""Short texts that are equal exactly when two runs would do the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from flexcv.dataset import Dataset
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Plan

from .scaling import ScalingSettings
from .tuning import TuningSettings

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # differs between equal runs
LENGTH = 16


def run_fingerprints(
    dataset: Dataset, plan: Plan, scaling: ScalingSettings, seed: int
) -> dict[str, str]:
    """Fingerprint what all units of a run share, part by part."""
    return {
        "data": _digest(_data_parts(dataset)),
        "plan": _digest([plan.fingerprint.encode()]),
        "seed": str(seed),
        "scaling": repr(scaling),
    }


def run_identity(prints: Mapping[str, str]) -> str:
    """Give one text for the fingerprints of `run_fingerprints`."""
    return _digest(f"{name}={prints[name]}".encode() for name in sorted(prints))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name the parts in which two fingerprints differ."""
    names = dict.fromkeys([*before, *now])
    return [name for name in names if before.get(name) != now.get(name)]


def model_fingerprint(spec: ModelSpec, tuning: TuningSettings) -> str:
    """Fingerprint one model with its search space and the way it is tuned."""
    parts = [
        spec.name,
        *_estimator_parts(spec.estimator),
        *_mapping_parts(spec.fit_params),
        str([(variant.name, _stable(variant.wrap)) for variant in spec.variants]),
        str([_stable(processor) for processor in spec.post_processors]),
    ]
    if spec.is_tuned:
        space = spec.search_space
        parts += [_stable(space)] if callable(space) else _mapping_parts(space)
        parts += [str(spec.n_trials), _stable(tuning)]
    return _digest(part.encode() for part in parts)


def _data_parts(dataset: Dataset) -> list[bytes]:
    table = dataset.table(dataset.group_names)
    parts = [
        str(list(zip(table.columns, map(str, table.dtypes), strict=True))).encode()
    ]
    for column in (*(table[name] for name in table), dataset.target):
        hashes = pd.util.hash_pandas_object(column, index=False).to_numpy()
        parts.append(hashes.tobytes())
    return [*parts, str(dataset.slopes).encode()]


def _estimator_parts(estimator: Any) -> list[str]:
    kind = type(estimator)
    parts = [f"{kind.__module__}.{kind.__qualname__}"]
    return parts + _mapping_parts(estimator.get_params(deep=True))


def _mapping_parts(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}={_stable(values[name])}" for name in sorted(values)]


def _stable(value: Any) -> str:
    """Describe a value without the address it has in memory."""
    if isinstance(value, np.ndarray | pd.Series | pd.DataFrame):
        return _digest([np.ascontiguousarray(value).tobytes()])
    if callable(value) and hasattr(value, "__code__"):
        return f"{value.__qualname__}:{value.__code__.co_code.hex()}"
    return ADDRESS.sub("", repr(value))


def _digest(parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()[:LENGTH]
