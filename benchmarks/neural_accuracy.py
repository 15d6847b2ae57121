"""Neural mixed models on wavy designs: test error beside the least possible one.

Prints Markdown tables. CPU seconds of the fit, one thread.

    python -m benchmarks.neural_accuracy [--seeds 3] [--large] [--binary]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks._neural_designs import Drawn, Wavy, best_error, wavy
from flexcv.arrays import FloatArray
from flexcv.models import (
    LinearMixedEffectsModel,
    NeuralMixedEffectsClassifier,
    NeuralMixedEffectsRegressor,
)

SMALL = [
    *(Wavy(20_000, q, (v,)) for q in (100, 2_000) for v in (0.1, 1.0, 10.0)),
    Wavy(20_000, 2_000, (0.3, 0.3, 0.3)),
    Wavy(20_000, 2_000, (3.0, 3.0, 3.0)),
]
LARGE = [
    *(Wavy(100_000, q, (v,)) for q in (100, 1_000, 10_000) for v in (0.1, 1.0, 10.0)),
    Wavy(100_000, 10_000, (0.3, 0.3, 0.3)),
    Wavy(100_000, 10_000, (0.3, 0.3, 0.3), future=True),
]
BINARY = [Wavy(20_000, 100, (1.0,)), Wavy(20_000, 2_000, (1.0,))]


def normal_row(design: Wavy, seed: int) -> dict[str, float]:
    """Fit one table with a normal target."""
    rng = np.random.default_rng(seed)
    drawn = wavy(design, rng)
    y = drawn.predictor + rng.normal(size=design.n_rows)
    linear, _ = timed(LinearMixedEffectsModel("group", design.slopes), drawn, y)
    model, seconds = timed(
        NeuralMixedEffectsRegressor("group", design.slopes, random_state=seed), drawn, y
    )
    found = model.random_part_.covariances[0].diagonal()
    oracle = known_fixed_part(design, drawn, y)
    return {
        "least": best_error(drawn, y, design.variances),
        "network": test_error(model, drawn, y),
        "linear": test_error(linear, drawn, y),
        "residual": model.sigma_**2,
        "seconds": seconds,
        **{f"found {k}": value for k, value in enumerate(found)},
        **{f"realised {k}": v for k, v in enumerate(drawn.effects.var(axis=0))},
        **{f"oracle {k}": value for k, value in enumerate(oracle)},
    }


def known_fixed_part(design: Wavy, drawn: Drawn, y: FloatArray) -> FloatArray:
    """Return the variances that a mixed model finds when it is told f."""
    table = drawn.table[["group"]].assign(t=drawn.z[:, min(1, len(design.slopes))])
    model = LinearMixedEffectsModel("group", design.slopes, formula="1", reml=False)
    train = drawn.train
    model.fit(table[train], (y - drawn.fixed)[train])
    return np.asarray(model.random_part_.covariances[0].diagonal())


def timed(model: Any, drawn: Drawn, y: Any) -> tuple[Any, float]:
    """Fit to the training rows; give the seconds, too."""
    start = time.process_time()
    model.fit(drawn.table[drawn.train], y[drawn.train])
    return model, time.process_time() - start


def test_error(model: Any, drawn: Drawn, y: FloatArray) -> float:
    test = ~drawn.train
    return float(np.mean((y[test] - model.predict(drawn.table[test])) ** 2))


def normal_table(designs: list[Wavy], seeds: int) -> pd.DataFrame:
    """Return means over seeds, one row per design."""
    rows = []
    for design in designs:
        drawn = [normal_row(design, seed) for seed in range(seeds)]
        mean = pd.DataFrame(drawn).mean()
        effects = range(len(design.variances))
        rows.append(
            {
                "groups": f"{design.n_groups:,}",
                "variances": ", ".join(f"{v:g}" for v in design.variances),
                "test rows": "future" if design.future else "random",
                "least error": f"{mean['least']:.3f}",
                "network": f"{mean['network']:.3f}",
                "above least": f"{mean['network'] - mean['least']:.3f}",
                "linear": f"{mean['linear']:.2f}",
                "residual variance": f"{mean['residual']:.2f}",
                "group variances": shown(mean, "found", effects),
                "realised": shown(mean, "realised", effects),
                "found with f known": shown(mean, "oracle", effects),
                "worst to realised": f"{worst(drawn, 'realised'):.1%}",
                "worst to f known": f"{worst(drawn, 'oracle'):.1%}",
                "CPU s": f"{mean['seconds']:.1f}",
            }
        )
    return pd.DataFrame(rows)


def shown(mean: pd.Series, kind: str, effects: range) -> str:
    return ", ".join(f"{mean[f'{kind} {k}']:.3g}" for k in effects)


def worst(rows: list[dict[str, float]], kind: str) -> float:
    """Return the largest relative distance of an intercept variance."""
    return max(abs(row["found 0"] / row[f"{kind} 0"] - 1.0) for row in rows)


def binary_row(design: Wavy, seed: int) -> dict[str, float]:
    """Fit one table with a binary target."""
    rng = np.random.default_rng(seed)
    drawn = wavy(design, rng)
    chance = 1.0 / (1.0 + np.exp(-drawn.predictor))
    y = (rng.uniform(size=design.n_rows) < chance).astype(int)
    model, seconds = timed(
        NeuralMixedEffectsClassifier("group", random_state=seed), drawn, y
    )
    test = ~drawn.train
    probability = model.predict_proba(drawn.table[test])[:, 1]
    return {
        "knowing f and b": roc_auc_score(y[test], drawn.predictor[test]),
        "network": roc_auc_score(y[test], probability),
        "group variance": model.variance_components_["variance"][0],
        "realised": drawn.effects.var(),
        "CPU s": seconds,
    }


def binary_table(designs: list[Wavy], seeds: int) -> pd.DataFrame:
    """Return every seed: areas under the curve and variances."""
    rows = [
        {"groups": f"{design.n_groups:,}", "seed": str(seed)}
        | {k: f"{v:.3f}" for k, v in binary_row(design, seed).items()}
        for design in designs
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def markdown(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table."""
    lines = [list(frame), ["---"] * len(frame.columns), *frame.to_numpy()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--binary", action="store_true")
    asked = parser.parse_args()
    if asked.binary:
        print(markdown(binary_table(BINARY, asked.seeds)))
    else:
        designs = LARGE if asked.large else SMALL
        print(markdown(normal_table(designs, asked.seeds)))


if __name__ == "__main__":
    main()
