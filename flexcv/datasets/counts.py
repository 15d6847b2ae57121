"""Tables with a target of counts, of yes and no, or of proportions."""

from __future__ import annotations

import pandas as pd

from ._tables import read_table

RESPONSES = ["no", "perhaps", "yes"]  # the order of agreement


def load_verbagg() -> pd.DataFrame:
    """Load the answers of 316 persons to 24 items on verbal aggression.

    Each person answered each item: persons and items are crossed.

    Returns
    -------
    DataFrame of 7584 rows
        - `Anger`: trait anger score of the person
        - `Gender`: category, M or F
        - `item`: label of the item (string, 24 levels)
        - `resp`: the answer (ordered category: no, perhaps, yes)
        - `id`: label of the person (string, 316 levels)
        - `btype`: behaviour asked about (category: curse, scold, shout)
        - `situ`: who is to blame (category: other, self)
        - `mode`: wanting to do it or doing it (category: want, do)
        - `r2`: the answer in two levels (category: N for no, Y for the rest)

    Notes
    -----
    Origin: De Boeck, P., Wilson, M. (eds.) (2004). Explanatory Item Response Models:
    A Generalized Linear and Nonlinear Approach. Springer. Collected by K.
    Vansteelandt (2000), K.U. Leuven. The table is the one distributed with the R
    package lme4.

    Examples
    --------
    >>> answers = load_verbagg()
    >>> answers["resp"].value_counts().to_dict()
    {'no': 3973, 'perhaps': 2081, 'yes': 1530}
    """
    answers = read_table(
        "verbagg.csv.gz",
        labels=["item", "id"],
        factors=["Gender", "resp", "btype", "situ", "mode", "r2"],
    )
    answers["resp"] = pd.Categorical(answers["resp"], RESPONSES, ordered=True)
    return answers


def load_cbpp() -> pd.DataFrame:
    """Load new cases of bovine pleuropneumonia in 15 herds over four periods.

    Returns
    -------
    DataFrame of 56 rows
        - `herd`: label of the herd (string, 15 levels)
        - `incidence`: animals that turned positive in the period
        - `size`: animals of the herd at the start of the period
        - `period`: category, 1 to 4

    Notes
    -----
    Origin: Lesnoff, M., et al. (2004). Within-herd spread of contagious bovine
    pleuropneumonia in Ethiopian highlands. Preventive Veterinary Medicine 64, 27-40.
    The table is the one distributed with the R package lme4.

    Examples
    --------
    >>> load_cbpp().head(3)
      herd  incidence  size period
    0    1          2    14      1
    1    1          3    12      2
    2    1          4     9      3
    """
    return read_table("cbpp.csv", labels=["herd"], factors=["period"])


def load_grouseticks() -> pd.DataFrame:
    """Load the ticks counted on the heads of 403 red grouse chicks.

    Chicks are nested in broods and broods in places: three levels of grouping, and
    counts with more spread than a Poisson variable has.

    Returns
    -------
    DataFrame of 403 rows
        - `INDEX`: label of the chick (string, one row each)
        - `TICKS`: number of ticks on the chick
        - `BROOD`: label of the brood (string, 118 levels)
        - `HEIGHT`: height above sea level, metres
        - `YEAR`: category, 95 to 97
        - `LOCATION`: label of the place (string, 63 levels)
        - `cHEIGHT`: `HEIGHT` minus its mean

    Notes
    -----
    Origin: Elston, D. A., et al. (2001). Analysis of aggregation, a worked example:
    numbers of ticks on red grouse chicks. Parasitology 122, 563-569. The table is the
    one distributed with the R package lme4.

    Examples
    --------
    >>> load_grouseticks()[["TICKS", "BROOD", "HEIGHT", "YEAR", "LOCATION"]].head(3)
       TICKS BROOD  HEIGHT YEAR LOCATION
    0      0   501     465   95       32
    1      0   501     465   95       32
    2      0   502     472   95       36
    """
    return read_table(
        "grouseticks.csv", labels=["INDEX", "BROOD", "LOCATION"], factors=["YEAR"]
    )
