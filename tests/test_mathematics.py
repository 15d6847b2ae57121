"""Names in docs/mathematics are those of fitted estimators and of result tables."""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import flexcv.models
from flexcv.merf import MERF
from flexcv.results.comparison import PAIR_COLUMNS

PAGES = Path(__file__).parents[1] / "docs" / "mathematics"
QUICK = {
    "LinearMixedEffectsModel": {},
    "GeneralizedLinearMixedModel": {"family": "poisson"},
    "MERF": {"estimator": Ridge(), "max_iterations": 2},
    "PenalizedLinearMixedModel": {"alpha": "cv", "max_iterations": 2},
    "PenalizedGeneralizedMixedModel": {"alpha": "cv", "n_alphas": 3},
    "MixedEffectsBoosting": {"max_iterations": 5},
    "NeuralMixedEffectsRegressor": {"n_epochs": 1},
    "NeuralMixedEffectsClassifier": {"n_epochs": 1},
    "DeepMixtureLMM": {"time": "x", "n_components": (2, 1), "max_iter": 2},
}
WARNS = "ignore::flexcv.errors.ConvergenceWarning"


def symbol_table(page):
    """The heads and the rows of a page's first table, whose first column is a symbol."""
    lines = (PAGES / page).read_text(encoding="utf-8").splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("| Symbol |"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append(re.split(r"(?<!\\)\|", line)[2])
    quoted = [re.findall(r"`([^`]+)`", row) for row in rows]
    return quoted[0], [name for row in quoted[2:] for name in row]


def cases():
    for path in sorted(PAGES.glob("*.md")):
        if path.stem not in ("index", "comparison"):
            classes, names = symbol_table(path.name)
            yield from ((kind, tuple(names)) for kind in classes)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"x": rng.random(120), "z": rng.normal(size=120)})
    made["g"] = np.arange(120) % 12
    return made, rng.poisson(np.exp(made["x"] + rng.normal(size=12)[made["g"]]))


@pytest.mark.filterwarnings(WARNS)
@pytest.mark.parametrize(("kind", "names"), list(cases()))
def test_every_name_in_a_table_of_symbols_is_fitted(kind, names, table):
    if kind.startswith("Neural") and find_spec("torch") is None:
        pytest.skip("needs the extra `neural`")
    X, y = table
    made = MERF if kind == "MERF" else getattr(flexcv.models, kind)
    target = y > np.median(y) if "Generalized" in kind and "Linear" not in kind else y
    target = y > np.median(y) if kind.endswith("Classifier") else target
    model = made(groups="g", **QUICK[kind]).fit(X, target)
    assert len(names) > 4
    assert [name for name in names if not hasattr(model, name)] == []


def test_every_column_in_the_table_of_a_comparison_is_there():
    _, names = symbol_table("comparison.md")
    told = {"compare", "interval", "mean"}
    assert told < set(names)
    assert set(names) - told <= set(PAIR_COLUMNS)


def test_every_page_is_on_the_site_and_names_its_source():
    site = (PAGES.parents[1] / "mkdocs.yml").read_text(encoding="utf-8")
    for path in PAGES.glob("*.md"):
        assert f"mathematics/{path.name}" in site
        text = path.read_text(encoding="utf-8")
        assert path.stem == "index" or re.search(r"^## Sources?$", text, re.MULTILINE)
