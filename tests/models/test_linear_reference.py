"""Agreement with lme4 1.1-31 (R 4.2.2) on every Gaussian reference fit.

The tolerances are those of tests/reference/lme4/README.md; a criterion below the
reference is an improvement.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flexcv.errors import RankDeficiencyWarning
from flexcv.models import LinearMixedEffectsModel

pytestmark = pytest.mark.reference

FOLDER = Path(__file__).parents[1] / "reference"
MANIFEST = json.loads((FOLDER / "data" / "MANIFEST_R.json").read_text())
FITS = sorted(
    path.stem
    for path in (FOLDER / "lme4").glob("*.json")
    if json.loads(path.read_text())["family"] == "gaussian"
)


def read_table(name: str) -> pd.DataFrame:
    """Return a table with R's factors and level orders."""
    path = next((FOLDER / "data").glob(f"{name}.csv*"))
    table = pd.read_csv(path)
    for column, levels in MANIFEST.get(name, {}).get("levels", {}).items():
        labels = table[column].astype(str)
        table[column] = pd.Categorical(labels, categories=levels)
    if name == "sleepstudy":
        table["off"], table["Days2"] = 0.5 * table["Days"] ** 1.5, 2.0 * table["Days"]
    return table


def fit(reference: dict[str, Any]) -> tuple[LinearMixedEffectsModel, pd.DataFrame]:
    formula = reference["formula"]
    target = formula.split("~")[0].strip()
    offset = "off" if "offset(off)" in formula else None
    table = read_table(reference["data"])
    model = LinearMixedEffectsModel(
        formula=formula.replace("+ offset(off)", ""),
        reml=reference["method"] == "REML",
        weights=reference["weights"],
        offset=offset,
    )
    return model.fit(table.drop(columns=target), table[target]), table


@pytest.fixture(scope="module", params=FITS)
def pair(request: pytest.FixtureRequest) -> Any:
    reference = json.loads((FOLDER / "lme4" / f"{request.param}.json").read_text())
    if "rankdef" in request.param:
        with pytest.warns(RankDeficiencyWarning, match="Days2"):
            model, table = fit(reference)
    else:
        model, table = fit(reference)
    return model, reference, table


def test_criterion_is_not_above_the_reference(pair: Any) -> None:
    model, reference, _ = pair
    name = "REMLcrit" if model.reml else "deviance_ML"
    assert model.criterion_ <= reference[name] + 1e-6
    assert model.converged_


def test_information_criteria_agree(pair: Any) -> None:
    model, reference, _ = pair
    assert model.aic_ == pytest.approx(reference["AIC"], abs=1e-6)
    assert model.bic_ == pytest.approx(reference["BIC"], abs=1e-6)


def test_fixed_effects_and_their_errors_agree(pair: Any) -> None:
    model, reference, _ = pair
    table = model.fixed_effects_
    error = np.array(list(reference["se"].values()))
    wanted = np.array(list(reference["fixef"].values()))
    np.testing.assert_allclose((table["estimate"] - wanted) / error, 0.0, atol=1e-5)
    np.testing.assert_allclose(table["std_error"], error, rtol=1e-4)


def test_satterthwaite_degrees_of_freedom_agree_with_lmertest(pair: Any) -> None:
    model, reference, _ = pair
    wanted = reference.get("satterthwaite")
    if not wanted:
        pytest.skip("no reference degrees of freedom for this fit")
    df = list(wanted["df"].values())
    # lmerTest differentiates numerically; a singular fit is flat, hence its 1e-3.
    np.testing.assert_allclose(model.fixed_effects_["df"], df, rtol=1e-3)


def test_standard_deviations_agree(pair: Any) -> None:
    model, reference, _ = pair
    wanted = [
        sd for part in reference["varcorr"].values() for sd in np.ravel(part["sd"])
    ]
    components = model.variance_components_
    sigma = reference["sigma"]
    atol = 1e-3 * sigma if reference["conv"]["singular"] else 0.0
    rtol = 1e-3 if len(wanted) > 2 else 1e-4
    np.testing.assert_allclose(components["sd"][:-1], wanted, rtol=rtol, atol=atol)
    assert components["sd"].iloc[-1] == pytest.approx(sigma, rel=1e-4)
    assert model.singular_ == reference["conv"]["singular"]


def test_predicted_effects_agree(pair: Any) -> None:
    model, reference, _ = pair
    for name, part in (reference.get("ranef") or {}).items():
        if "." in name:
            continue
        levels = list(part["levels"])
        frame = model.random_effects_[_our_name(name, model)]
        ours = frame.set_axis([_our_label(label) for label in frame.index])
        wanted = np.array(part["values"], dtype=float).reshape(len(levels), -1)
        np.testing.assert_allclose(ours.loc[levels], wanted, atol=1e-4)


def test_predictions_agree_for_known_and_new_levels(pair: Any) -> None:
    model, reference, table = pair
    target = reference["formula"].split("~")[0].strip()
    X = table.drop(columns=target)
    fitted = model.predict(X)
    np.testing.assert_allclose(fitted[:10], reference["fitted_first10"], atol=1e-4)
    assert fitted.sum() == pytest.approx(reference["fitted_sum"], rel=1e-6)
    new = X.head(3).copy()
    for group in {c for e in model.random_encoder_.factors for c in e.group_columns}:
        new[group] = "a level that training never showed"
    wanted = reference["pred_new_group_rows1to3"]
    np.testing.assert_allclose(model.predict(new), wanted, atol=1e-4)


def _our_name(name: str, model: LinearMixedEffectsModel) -> str:
    """R writes cask:batch for batch/cask."""
    known = model.random_effects_
    return name if name in known else ":".join(reversed(name.split(":")))


def _our_label(label: Any) -> str:
    if isinstance(label, tuple):
        return ":".join(str(part) for part in reversed(label))
    return str(label)
