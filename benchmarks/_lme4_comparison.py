"""What two fits of one case have in common, as numbers without units."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from benchmarks._lme4_draws import NEW_ROWS, Case
from benchmarks._lme4_fits import Fit
from benchmarks._lme4_rows import reading_of_rows
from flexcv.models import LinearMixedEffectsModel

WORSE = 1e-5  # a criterion above the best known by more than this is a fault
END = 1e-4  # an end above the best known by more than this is none
NOISES = 5  # times the spread of lme4's criterion around its end: its rounding
ONE_END = 1e-6  # criteria that near belong to one end
# What may differ where both read at one theta, and at the ends of two searches.
TOLERANCES = {
    "criterion": 1e-5,
    "fixed effects": 1e-4,
    "standard errors": 1e-5,
    "residual deviation": 1e-6,
    "AIC": 1e-5,
    "parameters": 0.0,
    "Satterthwaite": 1e-2,
    "known groups": 1e-4,
    "one new group": 1e-4,
    "several new groups": 1e-4,
    "population": 1e-4,
    "own end: fixed effects": 1e-2,
    "own end: standard errors": 1e-2,
    "own end: variances": 1e-2,
    "own end: predictions": 1e-2,
}
UNITS = {
    "criterion": "absolute",
    "fixed effects": "standard errors",
    "standard errors": "relative",
    "residual deviation": "relative",
    "AIC": "absolute",
    "parameters": "absolute",
    "Satterthwaite": "relative",
    "known groups": "residual deviations",
    "one new group": "residual deviations",
    "several new groups": "residual deviations",
    "population": "residual deviations",
    "own end: fixed effects": "standard errors",
    "own end: standard errors": "relative",
    "own end: variances": "of the residual variance or the largest entry",
    "own end: predictions": "residual deviations",
}


def comparison(
    case: Case, model: LinearMixedEffectsModel, here: Fit, there: Fit
) -> dict[str, Any]:
    """Give the excess over the best known criterion and all differences."""
    record: dict[str, Any] = {"seed": case.seed, "case": str(case)}
    for name, fit in (("flexcv", here), ("lme4", there)):
        if "error" in fit:
            record[f"refused by {name}"] = fit["error"]
    if "error" in here or "error" in there:
        return record
    record |= {"converged": here["converged"], "singular": here["singular"]}
    record |= _excess(case, model, here, there)
    record |= _shape(here, there)
    if "at_ours" not in there or len(there["own"]["beta"]) != len(here["beta"]):
        return record
    differences, rounded = _at_one_theta(here, there["at_ours"]), []
    if any(value > TOLERANCES[name] for name, value in differences.items()):
        exact = reading_of_rows(model, case, here["theta"])
        differences, rounded = _by_the_rows(here, exact, differences)
    own = there["own"]
    if abs(own["criterion"] - here["criterion"]) <= ONE_END:
        differences |= _own_ends(here, own, there["own_theta"])
    return record | {"differences": differences, "lme4's rounding": rounded}


def _shape(here: Fit, there: Fit) -> dict[str, str]:
    """Say what keeps two fits from being compared in full."""
    own, found = there["own"], {}
    if "at_ours" not in there:
        found["shape"] = "lme4 has other columns in its random part"
    elif len(own["beta"]) != len(here["beta"]):
        found["shape"] = "lme4 drops other fixed columns as redundant"
    elif _places(here, own) is None:
        found["shape"] = "lme4 keeps other fixed columns of the same space"
    if "not_predicted" in own:
        found["lme4 does not predict"] = own["not_predicted"]
    return found


def faults(record: dict[str, Any]) -> list[str]:
    """Name what is out of tolerance."""
    found = []
    if record.get("excess", 0.0) > WORSE:
        found.append(f"criterion worse by {record['excess']:.2g}")
    if record.get("excess", 0.0) > END and record["converged"]:
        found.append("called converged")
    for name, value in record.get("differences", {}).items():
        if not value <= TOLERANCES[name]:
            found.append(f"{name} differ by {value:.2g}")
    return found


def _excess(
    case: Case, model: LinearMixedEffectsModel, here: Fit, there: Fit
) -> dict[str, Any]:
    """Give how far the criterion lies above the best known.

    Where lme4's is lower by more than rounding may explain, both are computed from the
    rows; so a criterion that lost its digits is nobody's record.
    """
    searches = {k: v for k, v in there["found"].items() if v is not None}
    lowest = min(searches.values())
    best = min(lowest, here["best"])
    told = {
        "excess": here["criterion"] - best,
        "lme4 above": lowest - here["criterion"],
    }
    told["missed"] = [k for k, v in searches.items() if v - best > WORSE]
    if told["excess"] > WORSE and "ends" in there:
        mine, *ends = (
            reading_of_rows(model, case, theta)["criterion"]
            for theta in (here["theta"], *there["ends"])
        )
        told["before rounding"] = told["excess"]
        told["excess"] = max(mine - min(ends), here["criterion"] - here["best"], 0.0)
        told["own rounding"] = abs(mine - here["criterion"])
    elif told["excess"] > WORSE:
        told["excess"] = max(told["excess"] - NOISES * there["noise"], 0.0)
    return told


def _at_one_theta(here: Fit, there: Fit) -> dict[str, float]:
    sigma = here["sigma"]
    found = {
        "criterion": abs(there["criterion"] - here["criterion"]),
        "residual deviation": abs(there["sigma"] / sigma - 1.0),
        "AIC": abs(there["aic"] - here["aic"]),
        "parameters": float(abs(there["parameters"] - here["parameters"])),
    }
    found |= _fixed(here, there, "")
    places = _places(here, there)
    if there.get("df") and places is not None:
        theirs = np.array(there["df"], dtype=float)[places]
        found["Satterthwaite"] = _largest(here["df"] / theirs - 1.0)
    if "known" in there:
        apart = (here["known"] - np.array(there["known"], dtype=float)) / sigma
        found["known groups"] = _largest(apart[:NEW_ROWS])
        found["one new group"] = _largest(apart[NEW_ROWS : 2 * NEW_ROWS])
        found["several new groups"] = _largest(apart[2 * NEW_ROWS :])
        theirs = np.array(there["population"], dtype=float)
        found["population"] = _largest((here["population"] - theirs) / sigma)
    return found


def _own_ends(here: Fit, own: Fit, theta: list[float]) -> dict[str, float]:
    found = _fixed(here, own, "own end: ")
    mine = _covariances(here["blocks"], here["theta"], here["sigma"])
    theirs = _covariances(here["blocks"], theta, own["sigma"])
    if not here["redundant"]:
        found["own end: variances"] = max(
            _largest(a - b) / max(_largest(a), here["sigma"] ** 2)
            for a, b in zip(mine, theirs, strict=True)
        )
    if "known" in own and not here["redundant"]:
        apart = here["known"] - np.array(own["known"], dtype=float)
        found["own end: predictions"] = _largest(apart / here["sigma"])
    return found


def _fixed(here: Fit, there: Fit, where: str) -> dict[str, float]:
    places = _places(here, there)
    if places is None:
        return {}
    beta, se = (np.array(there[key], dtype=float)[places] for key in ("beta", "se"))
    return {
        f"{where}fixed effects": _largest((here["beta"] - beta) / here["se"]),
        f"{where}standard errors": _largest(here["se"] / se - 1.0),
    }


def _places(here: Fit, there: Fit) -> list[int] | None:
    """Say where lme4 has our columns; None if it has others."""
    mine, theirs = ([_plain(n) for n in fit["names"]] for fit in (here, there))
    if sorted(mine) != sorted(theirs):
        return None
    return [theirs.index(name) for name in mine]


def _plain(name: str) -> tuple[str, ...]:
    """Spell a column's name as neither program does."""
    text = name.replace("**", "^").replace("(Intercept)", "Intercept")
    return tuple(sorted(re.sub(r"T\.|[\[\] .]", "", text).split(":")))


def _by_the_rows(
    here: Fit, exact: Fit, differences: dict[str, float]
) -> tuple[dict[str, float], list[str]]:
    """Compare with numbers from the rows where lme4's may have lost digits.

    What agrees with them is lme4's rounding, and named as such.
    """
    exact = exact | {"names": here["names"], "aic": here["aic"]}
    exact["aic"] += exact["criterion"] - here["criterion"]
    sure = _at_one_theta(here, exact | {"parameters": here["parameters"]})
    rounded = [
        name
        for name, value in sure.items()
        if differences.get(name, 0.0) > TOLERANCES[name] >= value
    ]
    return differences | {name: sure[name] for name in rounded}, rounded


def _covariances(blocks: list[Fit], theta: Any, sigma: float) -> list[np.ndarray]:
    found, place = [], 0
    for block in blocks:
        size = block["size"]
        lower = np.zeros((size, size))
        end = place + size * (size + 1) // 2
        lower.T[np.triu_indices(size)] = np.asarray(theta[place:end], dtype=float)
        found.append(sigma**2 * lower @ lower.T)
        place = end
    return found


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))
