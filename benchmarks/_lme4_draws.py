"""Random tables and formulas for the comparison with lme4, each from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

NUMBERS = (
    *("x", "z", "k", "u", "d", "c", "huge", "big", "tiny", "x", "z"),
    *("I(x^2)", "I(k - 2)", "I(u - 100)", "I(u^2)", "log(z)", "sqrt(z)", "scale(z)"),
    *("poly(x, 2)", "ns(x, df = 3)", "bs(z, df = 4)"),
)
LABELS = ("f", "f", "h", "o", "r", "factor(k)")
SLOPES = ("x", "z", "u", "I(x^2)", "I(u - 100)", "log(z)", "big", "tiny", "k", "d")
JOINS = ("", "", "", " + ", ":", " * ", " / ", " %in% ")
ORDER = ("low", "mid", "high", "top")
MEANS = (0.0, 0.0, 0.0, 10.0, 1e3, 1e5)
SCALES = (1.0, 1.0, 1.0, 1e-8, 1e-3, 1e6)
SPREADS = (0.0, 1e-3, 0.05, 0.5, 1.0, 1.0, 4.0)
NEW_ROWS = 6  # of each kind: known groups, one new group, several new groups


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One table with one formula, and rows to predict.

    `table` and `new` hold the target `y`, too; `new` has rows of known groups, of one
    new group, and of several, `NEW_ROWS` of each.
    """

    seed: int
    table: pd.DataFrame
    new: pd.DataFrame
    formula: str
    reml: bool
    weights: str | None
    offset: str | None

    def __str__(self) -> str:
        extra = "".join(
            f", {role}={name}"
            for role, name in (("weights", self.weights), ("offset", self.offset))
            if name
        )
        method = "REML" if self.reml else "ML"
        return f"seed {self.seed}: {self.formula} ({method}{extra})"


def case_of(seed: int) -> Case:
    """Draw a table, a formula and rows to predict."""
    rng = np.random.default_rng([15, seed])
    table = _features(rng, *_groups(rng))
    formula = _formula(rng)
    table["y"] = _target(rng, table)
    weights = "w" if rng.random() < 0.25 else None
    wanted = rng.random() < 0.2 and "offset" not in formula
    offset = "off" if wanted else None
    reml = bool(rng.random() < 0.6)
    return Case(seed, table, _new_rows(rng, table), formula, reml, weights, offset)


def _groups(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Draw the largest factor: balanced, unbalanced, or with groups of one row."""
    n_groups = int(rng.integers(5, 31))
    kind = rng.choice(["even", "uneven", "single rows"])
    sizes = np.full(n_groups, int(rng.integers(4, 11)))
    if kind != "even":
        sizes = 1 + rng.geometric(0.15, size=n_groups)
    if kind == "single rows":
        sizes[rng.random(n_groups) < 0.4] = 1
        sizes[0] += 30
    codes = np.repeat(np.arange(n_groups), sizes)
    return rng.permutation(codes), n_groups


def _features(rng: np.random.Generator, g: np.ndarray, n_groups: int) -> pd.DataFrame:
    rows = len(g)
    x, z = rng.normal(size=rows), rng.uniform(0.5, 4.0, size=rows)
    table = pd.DataFrame(
        {
            "x": x + 0.5 * rng.normal(size=n_groups)[g],
            "z": z,
            "k": rng.integers(1, 6, size=rows),
            "u": rng.integers(0, 251, size=rows).astype(np.uint8),
            "f": rng.choice(list("abc"), size=rows),
            "h": rng.choice(["u", "v"], size=rows),
            "o": _ordered(rng.choice(ORDER, size=rows)),
            "r": _with_rare_level(rng, rows),
            "g": g + 1,
            "s": rng.choice([f"s{j}" for j in range(int(rng.integers(3, 13)))], rows),
            "n": rng.choice(["i", "j", "k"], size=rows),
            "w": rng.choice([0.5, 1.0, 2.0, 3.7], size=rows),
            "off": rng.normal(size=rows),
        }
    )
    if rng.random() < 0.4:  # a cell of two factors that training lacks
        table.loc[(table["f"] == "b") & (table["h"] == "v"), "h"] = "u"
    return _derived(table)


def _derived(table: pd.DataFrame) -> pd.DataFrame:
    """Add columns that others determine, with a large mean, and on a tiny scale."""
    return table.assign(
        d=table["x"],
        c=table["x"] + 2.0 * table["z"],
        big=1e3 + table["x"],
        huge=1e5 + table["x"],
        tiny=1e-6 * table["z"],
    )


def _ordered(labels: np.ndarray) -> pd.Categorical:
    return pd.Categorical(labels, categories=list(ORDER), ordered=True)


def _with_rare_level(rng: np.random.Generator, rows: int) -> pd.Categorical:
    """Draw a category with a level of one to three rows and one without any."""
    labels = rng.choice(["p", "q"], size=rows).astype(object)
    labels[rng.choice(rows, size=int(rng.integers(1, 4)), replace=False)] = "rare"
    return pd.Categorical(labels, categories=["q", "none", "p", "rare"])


def _target(rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
    rows, g = len(table), table["g"].to_numpy()
    x, z = table["x"].to_numpy(), table["z"].to_numpy()
    s = pd.factorize(table["s"])[0]
    n = g * 3 + pd.factorize(table["n"])[0]
    spread = rng.choice(SPREADS, size=5)
    y = 0.5 * x - 0.3 * z + 0.2 * (table["f"] == "a") + 0.3 * (table["o"] == "top")
    y = y + spread[0] * rng.normal(size=g.max() + 1)[g]
    y = y + spread[1] * rng.normal(size=g.max() + 1)[g] * x
    y = y + spread[2] * rng.normal(size=s.max() + 1)[s]
    y = y + spread[3] * rng.normal(size=n.max() + 1)[n]
    by_level = rng.normal(size=(g.max() + 1, 3))[g, pd.factorize(table["f"])[0]]
    y = y + spread[4] * by_level * (rng.random() < 0.5)
    y = y + rng.choice([0.1, 1.0, 1.0]) * rng.normal(size=rows)
    return np.asarray(rng.choice(SCALES) * (rng.choice(MEANS) + y))


def _formula(rng: np.random.Generator) -> str:
    fixed = [_fixed_term(rng) for _ in range(rng.integers(1, 4))]
    if rng.random() < 0.1:
        fixed.append("offset(off)")
    terms = [*fixed, *_random_terms(rng)]
    rng.shuffle(terms)
    sign = str(rng.choice([" - 1", " + 0", "", "", "", "", "", ""]))
    return f"y ~ {' + '.join(terms)}{sign}"


def _fixed_term(rng: np.random.Generator) -> str:
    left = str(rng.choice([*NUMBERS, *LABELS]))
    others = [name for name in (*NUMBERS[:10], *LABELS) if name != left]
    right, join = str(rng.choice(others)), str(rng.choice(JOINS))
    if rng.random() < 0.05:
        return f"({left} + {right} + f)^2"
    return f"{left}{join}{right}" if join else left


def _random_terms(rng: np.random.Generator) -> list[str]:
    drawn = rng.random()
    if drawn < 0.6:
        return [_bar(rng, "g")]
    if drawn < 0.75:
        return [_bar(rng, "g"), _bar(rng, "s") if rng.random() < 0.4 else "(1 | s)"]
    if drawn < 0.85:
        return [str(rng.choice(["(1 | g/n)", "(x | g/n)", "(1 | g) + (1 | g:n)"]))]
    if drawn < 0.95:
        several = ["(1 | g) + (0 + x | g)", "(1 | g) + (1 | s) + (1 | g:n)"]
        several += ["(1 | k) + (1 | g)", "(x | g) + (0 + h | s)", "(1 | g:s) + (1 | s)"]
        return [str(rng.choice(several))]
    return [_bar(rng, "s")]


def _bar(rng: np.random.Generator, group: str) -> str:
    number, label = str(rng.choice(SLOPES)), str(rng.choice(["f", "h", "h", "o"]))
    effects = (
        *("1", "1", "1", number, number, f"0 + {number}", f"{number} - 1"),
        *(label, f"0 + {label}", f"{number}:{label}", f"0 + {number}:{label}"),
        *(f"{number} + h", f"-1 + h + {number}", f"0 + {number} + {number}:h"),
        *("x * h", "x + z", "poly(x, 2)", "0 + x + z", "x + u"),
    )
    chosen = str(rng.choice(effects))
    bar = "||" if chosen != "1" and rng.random() < 0.35 else "|"
    return f"({chosen} {bar} {group})"


def _new_rows(rng: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Draw rows of training with other numbers and, in part, other groups."""
    picked = rng.choice(len(table), size=3 * NEW_ROWS)
    new = table.iloc[picked].reset_index(drop=True)
    for name in ("x", "z"):
        moved = new[name] + 0.1 * rng.normal(size=len(new))
        new[name] = moved.clip(table[name].min(), table[name].max())
    labels = new["g"].to_numpy(copy=True)
    labels[NEW_ROWS : 2 * NEW_ROWS] = 9001
    labels[2 * NEW_ROWS :] = 9001 + np.arange(NEW_ROWS)
    strangers = new["s"].astype(object).to_numpy(copy=True)
    strangers[2 * NEW_ROWS :] = [f"new{j}" for j in range(NEW_ROWS)]
    return _derived(new.assign(g=labels, s=strangers))
