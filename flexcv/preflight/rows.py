"""What rows have in common: copies, groups of one row, what groups share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flexcv._checks import listed
from flexcv.arrays import FloatArray, IntArray
from flexcv.evaluation import fit_arguments
from flexcv.preprocessing.group_means import is_constant_within
from flexcv.resampling.questions import are_known

from .setup import Levels, Setup, Told, levels_of

MANY_COPIES = 0.5  # share of test rows
DEPENDENT, FEW = 2.0, 0.02  # times and share beyond chance that are no news
NONE = 0.001  # equal rows that chance makes of one
PARENTS = 10  # columns on which another may hang
TINY = 2  # rows; a smaller group says nothing about variation within groups


def identical_rows(setup: Setup) -> Told:
    """Tell how many test rows have copies in training, beyond chance."""
    data = setup.dataset
    table = pd.concat([setup.features, data.groups, data.target], axis=1)
    codes = pd.factorize(pd.util.hash_pandas_object(table, index=False).to_numpy())[0]
    if codes.max() + 1 == len(codes):
        return
    known = [are_known(codes, fold.train, fold.test) for fold in setup.plan]
    shared = float(np.concatenate(known).mean())
    if shared <= FEW:
        return
    chance = chance_of_equals(table, codes)
    found = [-np.expm1(-len(f.train) * chance[f.test]) for f in setup.plan]
    expected = float(np.concatenate(found).mean())
    if shared > DEPENDENT * expected + FEW:
        yield (
            "warn" if shared > MANY_COPIES else "note",
            f"{shared:.0%} of the test rows also stand in their training part, equal "
            f"in every column and the target, where chance gives {expected:.0%}: a "
            "model is tested on what it learned by heart; drop copies, or give all "
            "copies of a row the same group.",
        )


def constant_within_groups(setup: Setup) -> Told:
    """Name the features that have one value in each group."""
    data = setup.dataset
    codes = data.group_codes()
    if codes is None or codes.max() + 1 == len(data):
        return
    names = [
        name
        for name in setup.features.columns
        if len(data.features[name].unique()) > 1
        and is_constant_within(data.features[name], codes)
    ]
    if names:
        yield (
            "note",
            f"constant within each {data.group_names[0]!r}: {listed(names)}; for "
            "these the number of groups counts, not the number of rows, and a model "
            "may use them to recognise groups.",
        )


def tiny_groups(setup: Setup) -> Told:
    """Tell that most groups have a single row."""
    codes = setup.dataset.group_codes()
    if codes is None:
        return
    sizes = np.bincount(codes)
    tiny = int((sizes < TINY).sum())
    if tiny * 2 > len(sizes):
        yield (
            "warn" if setup.uses_groups or tiny == len(sizes) else "note",
            f"{tiny} of {len(sizes)} groups have a single row, which says nothing "
            "about the variation within groups; check that `groups` names groups.",
        )


def chance_of_equals(table: pd.DataFrame, codes: IntArray) -> FloatArray:
    """Return how likely another row, that is no copy, is equal to each.

    A column may hang on one of those before it, on the one that tells most of it; equal
    rows do not count, so that copies make copies no likelier.

    Parameters
    ----------
    table
        The rows, shape (n_rows, n_columns).
    codes
        Which rows are equal, shape (n_rows,).

    Examples
    --------
    >>> rows = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})
    >>> chance_of_equals(rows, np.arange(4)).round(2)
    array([0.11, 0.11, 0.11, 0.11])
    """
    copies = np.bincount(codes)[codes]
    others = np.maximum(len(table) - copies, 1)
    columns = sorted((levels_of(table[name]) for name in table.columns), key=len)[::-1]
    chance = np.ones(len(table))
    for place, column in enumerate(columns):
        own = (column.sizes[column.codes] - copies) / others
        before = columns[max(0, place - PARENTS) : place]
        given = [_chance_given(column, parent, copies, own) for parent in before]
        chance *= max(own, *given, key=_told_by) if given else own
        if chance.mean() * len(table) < NONE:
            break
    return chance


def _chance_given(
    column: Levels, parent: Levels, copies: IntArray, own: FloatArray
) -> FloatArray:
    """Return each row's chance of its level among others with the parent's level."""
    codes = pd.factorize(parent.codes * len(column) + column.codes)[0]
    together = np.bincount(codes)[codes] - copies
    return np.asarray((together + own) / (parent.sizes[parent.codes] - copies + 1))


def _told_by(chance: FloatArray) -> float:
    """Return how well levels are told: their mean logarithm."""
    return float(np.log(np.maximum(chance, np.finfo(float).tiny)).mean())


def weights_unread(setup: Setup) -> Told:
    """Stop where rows have weights and the fit of a model takes none."""
    yield from fit_arguments.weights_unread(setup.dataset, setup.specs)
