"""47 ways to set up a run: 34 with something wrong, and 13 in which all is well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from flexcv import CrossValidation
from flexcv.models import LinearMixedEffectsModel, LinearModel

ROWS, GROUPS = 200, 20
SILENT = {  # notes that describe a run and blame nothing
    "groups-new",
    "groups-unused",
    "constant-within-groups",
    "uneven-folds",
    "other-groups",
    "merf-left-out",
}
DESIGNS: list[Design] = []


@dataclass(frozen=True)
class Design:
    """A run, and the name of the finding that it deserves; None where there is none."""

    name: str
    told: str | None
    make: Callable[[np.random.Generator], CrossValidation]

    def findings(self, seed: int) -> pd.DataFrame:
        """Return what is told of the run."""
        return self.make(np.random.default_rng(seed)).check()

    def is_told(self, seed: int) -> bool:
        """Whether what is wrong is told."""
        return self.told in set(self.findings(seed)["name"])

    def alarms(self, seed: int) -> list[str]:
        """Return the names of all findings that blame something."""
        return [name for name in self.findings(seed)["name"] if name not in SILENT]


def design(name: str, told: str | None) -> Callable[..., None]:
    """Put a function that makes a run on the list."""
    return lambda make: DESIGNS.append(Design(name, told, make))


def plain(rng):
    """Return three features, a group of ten rows each, and a target of two of them."""
    table = pd.DataFrame(rng.normal(size=(ROWS, 3)), columns=["a", "b", "c"])
    group = rng.permutation(np.repeat(np.arange(GROUPS), ROWS // GROUPS))
    shift = rng.normal(size=GROUPS)[group]
    table["y"] = table["a"] - 0.5 * table["b"] + shift + rng.normal(size=ROWS)
    return table, np.array([f"P{k}" for k in group])


def run(table, model=Ridge, split="KFold", groups=None, metrics=None, **splits):
    """Return the run of a table whose target is y."""
    model = model() if isinstance(model, type) else model
    cv = CrossValidation().set_data(table.drop(columns="y"), table["y"], groups)
    cv.set_splits(split, **splits).add_model(model, model_name="model")
    return cv if metrics is None else cv.set_splits(metrics=metrics)


def classes(rng, share):
    """Return a table whose target is yes in a share of the rows."""
    table, _ = plain(rng)
    chance = table["y"].rank(pct=True).to_numpy()
    return table.assign(y=np.where(chance > 1 - share, "yes", "no"))


@design("a feature is the target", "target-inside")
def _(rng):
    table, _ = plain(rng)
    return run(table.assign(copy=table["y"]))


@design("the target in other units", "target-inside")
def _(rng):
    table, _ = plain(rng)
    return run(table.assign(copy=32 + 1.8 * table["y"]))


@design("the target's ranks", "target-inside")
def _(rng):
    table, _ = plain(rng)
    return run(table.assign(place=table["y"].rank()))


@design("the target, rounded", "target-inside")
def _(rng):
    table, _ = plain(rng)
    return run(table.assign(rounded=table["y"].round()))


@design("the target's quarters", "target-inside")
def _(rng):
    table, _ = plain(rng)
    return run(table.assign(quarter=pd.qcut(table["y"], 4, labels=False)))


@design("the target with 5 % noise", "target-inside")
def _(rng):
    table, _ = plain(rng)
    noise = 0.05 * table["y"].std() * rng.normal(size=ROWS)
    return run(table.assign(blurred=table["y"] + noise))


@design("a number that separates two classes", "target-inside")
def _(rng):
    table = classes(rng, 0.5)
    dose = np.where(table["y"] == "yes", 3.0, 0.0) + rng.random(ROWS)
    return run(table.assign(dose=dose), LogisticRegression)


@design("a label for each class", "classes-told")
def _(rng):
    table = classes(rng, 0.5)
    ward = table["y"].map({"yes": "north", "no": "south"})
    encoded = make_pipeline(OneHotEncoder(), LogisticRegression())
    return run(table[["y"]].assign(ward=ward), encoded)


@design("a flag that tells all but two rows", "classes-told")
def _(rng):
    table = classes(rng, 0.5)
    flag = (table["y"] == "yes").to_numpy().astype(int)
    flag[:2] = 1 - flag[:2]
    return run(table.assign(flag=flag), LogisticRegression)


@design("the target's mean of each group", "target-means")
def _(rng):
    table, group = plain(rng)
    mean = table.groupby(group)["y"].transform("mean")
    return run(table.assign(level=mean), split="GroupKFold", groups=group)


@design("the target's mean of each category", "target-means")
def _(rng):
    table, group = plain(rng)
    mean = table.groupby(group)["y"].transform("mean")
    forest = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge())
    return run(table[["y"]].assign(shop=group, level=mean), forest)


@design("the mean of the group's other rows", "target-means")
def _(rng):
    table, group = plain(rng)
    by = table.groupby(group)["y"]
    others = (by.transform("sum") - table["y"]) / (by.transform("size") - 1)
    return run(table.assign(others=others), split="GroupKFold", groups=group)


@design("every row twice", "identical-rows")
def _(rng):
    table, _ = plain(rng)
    return run(pd.concat([table, table], ignore_index=True))


@design("a third of the rows twice, of a table of answers", "identical-rows")
def _(rng):
    table = pd.DataFrame(rng.integers(1, 6, size=(ROWS, 8))).add_prefix("q")
    table["y"] = table.sum(axis=1) + rng.integers(0, 9, size=ROWS)
    return run(pd.concat([table, table.head(ROWS // 3)], ignore_index=True))


@design("a site with a single row, in a linear model", "unknown-levels")
def _(rng):
    table, _ = plain(rng)
    site = np.array(["north", "south"])[np.arange(ROWS) % 2].astype(object)
    site[17] = "west"
    return run(table.assign(site=site), LinearModel)


@design("a site with a single row, in a pipeline", "unknown-levels")
def _(rng):
    table, _ = plain(rng)
    site = np.array(["north", "south"])[np.arange(ROWS) % 2].astype(object)
    site[17] = "west"
    encoded = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge())
    return run(table[["y"]].assign(site=site), encoded)


@design("a village for each group, groups kept whole", "unknown-levels")
def _(rng):
    table, group = plain(rng)
    village = np.array([f"V{label[1:]}" for label in group])
    model = LinearMixedEffectsModel()
    return run(table.assign(village=village), model, "GroupKFold", group)


@design("missing numbers, in ridge regression", "missing-values")
def _(rng):
    table, _ = plain(rng)
    return run(table.assign(b=table["b"].mask(rng.random(ROWS) < 0.1)))


@design("missing numbers, in a mixed model", "missing-values")
def _(rng):
    table, group = plain(rng)
    gaps = table.assign(b=table["b"].mask(rng.random(ROWS) < 0.1))
    return run(gaps, LinearMixedEffectsModel(), "GroupKFold", group)


@design("missing numbers behind a scaler", "missing-values")
def _(rng):
    table, _ = plain(rng)
    gaps = table.assign(b=table["b"].mask(rng.random(ROWS) < 0.1))
    return run(gaps, make_pipeline(StandardScaler(), Ridge()))


@design("dates", "dates")
def _(rng):
    table, _ = plain(rng)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(ROWS), "D")
    return run(table.assign(visit=days))


@design("dates as text", "dates")
def _(rng):
    table, _ = plain(rng)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(ROWS), "D")
    return run(table.assign(visit=days.strftime("%d.%m.%Y")))


@design("the number of each row", "identifiers")
def _(rng):
    table, _ = plain(rng)
    return run(table.assign(row_id=np.arange(ROWS)))


@design("a code for each row", "identifiers")
def _(rng):
    table, _ = plain(rng)
    codes = [f"{value:08x}" for value in rng.integers(0, 2**31, size=ROWS)]
    return run(table.assign(probe=codes))


@design("patients as a feature and not as groups", "groups-not-given")
def _(rng):
    table, group = plain(rng)
    number = np.array([int(label[1:]) for label in group])
    return run(table.assign(patient_id=number))


@design("groups of one row each", "tiny-groups")
def _(rng):
    table, _ = plain(rng)
    return run(table, split="GroupKFold", groups=np.arange(ROWS))


@design("a group written with a space behind it", "labels-differ")
def _(rng):
    table, group = plain(rng)
    spaced = np.where(rng.random(ROWS) < 0.1, group + " ", group)
    return run(table, split="GroupKFold", groups=spaced)


@design("a group as number and as text", "labels-differ")
def _(rng):
    table, group = plain(rng)
    number = [int(label[1:]) for label in group]
    mixed = [
        str(k) if u < 0.3 else k for k, u in zip(number, rng.random(ROWS), strict=True)
    ]
    return run(table, split="GroupKFold", groups=pd.Series(mixed, dtype=object))


@design("a level in two cases", "labels-differ")
def _(rng):
    table, _ = plain(rng)
    sex = rng.choice(["female", "male", "Male"], size=ROWS)
    return run(table.assign(sex=sex), LinearModel)


@design("a class of 4 % and accuracy", "rare-class")
def _(rng):
    table = classes(rng, 0.04)
    return run(table, LogisticRegression, "StratifiedKFold", metrics=["accuracy"])


@design("measurements in the order of time, shuffled", "time-order")
def _(rng):
    table, _ = plain(rng)
    drift = np.zeros(ROWS)
    for row in range(1, ROWS):
        drift[row] = 0.9 * drift[row - 1] + rng.normal()
    return run(table.assign(y=table["a"] + drift))


@design("days that resemble the day before, not in their order", "time-order")
def _(rng):
    table, _ = plain(rng)
    drift = np.zeros(ROWS)
    for row in range(1, ROWS):
        drift[row] = 0.9 * drift[row - 1] + rng.normal()
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS), "D")
    dated = table.assign(y=table["a"] + drift, day=days)
    return run(dated.sample(frac=1, random_state=1, ignore_index=True))


@design("a split by time of rows that are not in its order", "time-unnamed")
def _(rng):
    table, _ = plain(rng)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(ROWS), "D")
    return run(table.assign(day=days), split="TimeSeriesSplit")


@design("rows of a group in training and test", "groups-ignored")
def _(rng):
    table, group = plain(rng)
    return run(table, LinearMixedEffectsModel(), groups=group)


@design("numbers", None)
def _(rng):
    return run(plain(rng)[0])


@design("groups kept whole, for a model without groups", None)
def _(rng):
    table, group = plain(rng)
    return run(table, split="GroupKFold", groups=group)


@design("groups kept whole, a feature of the group", None)
def _(rng):
    table, group = plain(rng)
    age = np.array([int(label[1:]) * 7 % 60 for label in group]) + 20
    return run(table.assign(age=age), LinearMixedEffectsModel(), "GroupKFold", group)


@design("visits in the order of time, groups kept whole", None)
def _(rng):
    visit = np.tile(np.arange(10), GROUPS)
    group = np.repeat(np.arange(GROUPS), 10)
    slope = 1 + rng.normal(size=GROUPS)[group]
    y = slope * visit + 3 * rng.normal(size=GROUPS)[group] + rng.normal(size=ROWS)
    table = pd.DataFrame({"visit": visit, "y": y})
    return run(table, LinearMixedEffectsModel(), "GroupKFold", group)


@design("a table of few different rows", None)
def _(rng):
    table = pd.DataFrame(rng.integers(0, 2, size=(ROWS, 4))).add_prefix("q")
    odds = table["q0"] + table["q1"] - 1.0
    table["y"] = np.where(rng.random(ROWS) < 1 / (1 + np.exp(-2 * odds)), "yes", "no")
    return run(table, LogisticRegression)


@design("answers that hang together", None)
def _(rng):
    mood = rng.normal(size=(ROWS, 1))
    answers = np.clip(np.round(3 + mood + 0.7 * rng.normal(size=(ROWS, 3))), 1, 5)
    table = pd.DataFrame(answers.astype(int)).add_prefix("q")
    table["y"] = np.clip(np.round(3 + mood[:, 0]), 1, 5)
    return run(table)


@design("missing numbers, in a model that takes them", None)
def _(rng):
    table, _ = plain(rng)
    gaps = table.assign(b=table["b"].mask(rng.random(ROWS) < 0.1))
    return run(gaps, HistGradientBoostingRegressor())


@design("missing numbers behind an imputer", None)
def _(rng):
    table, _ = plain(rng)
    gaps = table.assign(b=table["b"].mask(rng.random(ROWS) < 0.1))
    return run(gaps, make_pipeline(StandardScaler(), SimpleImputer(), Ridge()))


@design("a feature that predicts well", None)
def _(rng):
    table, _ = plain(rng)
    strong = table["y"] + 0.25 * table["y"].std() * rng.normal(size=ROWS)
    return run(table.assign(strong=strong))


@design("a class of 8 % and metrics that see it", None)
def _(rng):
    return run(classes(rng, 0.08), LogisticRegression, "StratifiedKFold")


@design("six classes of a sixth each, and accuracy", None)
def _(rng):
    table, _ = plain(rng)
    kind = pd.qcut(table["y"], 6, labels=list("uvwxyz")).astype(str)
    forest = RandomForestClassifier()
    return run(table.assign(y=kind), forest, "StratifiedKFold", metrics=["accuracy"])


@design("a table sorted by a feature with a bend", None)
def _(rng):
    table, _ = plain(rng)
    dose = np.sort(rng.random(ROWS)) * 6
    return run(table.assign(dose=dose, y=3 * np.sin(dose) + rng.normal(size=ROWS)))


@design("sites and incomes, all in the range of training", None)
def _(rng):
    table, _ = plain(rng)
    site = rng.choice(["north", "south", "west"], size=ROWS)
    income = rng.choice(90_000, size=ROWS, replace=False) + 10_000
    return run(table.assign(site=site, income=income), LinearModel)
