"""By how much `noise_` of boosting is short: its square where the noise's is 1.

Prints a table of means and standard deviations over draws, for groups of 10 rows whose
effects vary by 1, and a fixed part that is easy or hard to learn.

    python benchmarks/boosting_noise.py
"""

import numpy as np
import pandas as pd

from flexcv.models import MixedEffectsBoosting

FIXED_PARTS = {
    "easy": lambda X: 1.5 * np.tanh(2.0 * X["a"]) + (X["b"] > 0.0),
    "hard": lambda X: (
        2.0 * X["a"]
        + X["b"] ** 2
        + 4.0 * (X["c"] > 0.0)
        + 2.0 * X["c"] * np.log(np.abs(X["a"]))
    ),
}
DRAWS = {250: 12, 500: 12, 1000: 12, 4000: 4}


def variances(fixed_part, n_rows, seed):
    """Return the squares of `noise_` and `sigma_` of one draw."""
    rng = np.random.default_rng(seed)
    group = np.arange(n_rows) % (n_rows // 10)
    X = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=list("abc"))
    y = fixed_part(X) + rng.normal(size=n_rows)[group] + rng.normal(size=n_rows)
    model = MixedEffectsBoosting("g", random_state=0).fit(X.assign(g=group), y)
    return model.noise_**2, model.sigma_**2


def main():
    """Print the table."""
    print("| fixed part | rows | noise_, squared (1) | from draw to draw | sigma2 |")
    print("| --- | --- | --- | --- | --- |")
    for name, fixed_part in FIXED_PARTS.items():
        for n_rows, draws in DRAWS.items():
            found = [variances(fixed_part, n_rows, seed) for seed in range(draws)]
            noise, sigma2 = np.mean(found, axis=0)
            spread = np.std(found, axis=0)[0]
            print(f"| {name} | {n_rows} | {noise:.2f} | {spread:.2f} | {sigma2:.2f} |")


if __name__ == "__main__":
    main()
