"""Tables with a continuous target."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ._tables import read_table

RADON_OFFSET = 0.1  # pCi/L added before the logarithm: three houses read 0.0


def load_sleepstudy() -> pd.DataFrame:
    """Load reaction times of 18 drivers over ten days of too little sleep.

    On the days 0 and 1 the subjects were trained, day 2 was the baseline; from then
    on they slept three hours a night. Slopes differ between subjects: the standard
    example of a random intercept with a random slope.

    Returns
    -------
    DataFrame of 180 rows
        - `Reaction`: mean reaction time of the day, milliseconds
        - `Days`: day of the study, 0 to 9
        - `Subject`: label of the driver (string, 18 levels)

    Notes
    -----
    Origin: Belenky, G., et al. (2003). Patterns of performance degradation and
    restoration during sleep restriction and subsequent recovery: a sleep
    dose-response study. Journal of Sleep Research 12, 1-12. The table is the one
    distributed with the R package lme4.

    Examples
    --------
    >>> load_sleepstudy().head(3)
       Reaction  Days Subject
    0  249.5600     0     308
    1  258.7047     1     308
    2  250.8006     2     308
    """
    return read_table("sleepstudy.csv", labels=["Subject"])


def load_radon() -> pd.DataFrame:
    """Load radon measured in 919 Minnesota houses of 85 counties.

    Houses of a county share the ground they stand on, and counties differ in size
    from one house to 116: the standard example of partial pooling. `log_uranium`
    is constant within a county.

    Returns
    -------
    DataFrame of 919 rows
        - `log_radon`: logarithm of (radon activity + 0.1), activity in pCi/L
        - `floor`: where it was measured, 0 in the basement, 1 on the first floor
        - `basement`: whether the house has one (category: no, yes, unknown)
        - `log_uranium`: logarithm of the county's soil uranium, ppm
        - `county`: name of the county (string, 85 levels)

    Notes
    -----
    Origin: Price, P. N., Nero, A. V., Gelman, A. (1996). Bayesian prediction of
    mean indoor radon concentrations for Minnesota counties. Health Physics 71,
    922-936. The houses are those of the State Residential Radon Survey of the U.S.
    Environmental Protection Agency, in the version distributed with the Python
    package merf.

    Cleaning: of its 30 columns, survey bookkeeping (numbers, addresses, dates,
    weights, room codes, state) is dropped; blanks around county names are removed;
    an empty entry for the basement becomes "unknown". The 0.1 is that version's and
    keeps three readings of zero; Gelman and Hill (2007) put 0.1 in the place of the
    zeros and add nothing elsewhere. Uranium is taken as logarithm, as is usual.

    Examples
    --------
    >>> load_radon().round(3).head(3)
       log_radon  floor basement  log_uranium  county
    0      0.833      1       no       -0.689  AITKIN
    1      0.833      0      yes       -0.689  AITKIN
    2      1.099      0      yes       -0.689  AITKIN
    """
    houses = read_table("radon.csv", labels=["county"], factors=["basement"])
    return pd.DataFrame(
        {
            "log_radon": np.log(houses["activity"] + RADON_OFFSET),
            "floor": houses["floor"],
            "basement": houses["basement"],
            "log_uranium": np.log(houses["uranium"]),
            "county": houses["county"],
        }
    )


def load_penicillin() -> pd.DataFrame:
    """Load an assay of six penicillin samples on each of 24 plates.

    Each sample meets each plate once: the standard example of two crossed grouping
    columns.

    Returns
    -------
    DataFrame of 144 rows
        - `diameter`: diameter of the zone without bacteria, millimetres
        - `plate`: label of the plate (string, 24 levels)
        - `sample`: label of the penicillin sample (string, 6 levels)

    Notes
    -----
    Origin: Davies, O. L., Goldsmith, P. L. (eds.) (1972). Statistical Methods in
    Research and Production, 4th edition, section 6.6. Oliver and Boyd. The table is
    the one distributed with the R package lme4.

    Examples
    --------
    >>> load_penicillin().head(3)
       diameter plate sample
    0        27     a      A
    1        23     a      B
    2        26     a      C
    """
    return read_table("penicillin.csv", labels=["plate", "sample"])


def load_pastes() -> pd.DataFrame:
    """Load the strength of a paste, two tests of each of three casks of ten batches.

    The casks are nested in the batches: cask `a` of batch `A` has nothing to do with
    cask `a` of batch `B`; the column `sample` tells them apart.

    Returns
    -------
    DataFrame of 60 rows
        - `strength`: strength of the paste, in the unit of the source
        - `batch`: label of the delivered batch (string, 10 levels)
        - `cask`: label of the cask within its batch (string, 3 levels)
        - `sample`: batch and cask together (string, 30 levels)

    Notes
    -----
    Origin: Davies, O. L., Goldsmith, P. L. (eds.) (1972). Statistical Methods in
    Research and Production, 4th edition, section 6.5. Oliver and Boyd. The table is
    the one distributed with the R package lme4.

    Examples
    --------
    >>> load_pastes().head(3)
       strength batch cask sample
    0      62.8     A    a    A:a
    1      62.6     A    a    A:a
    2      60.1     A    b    A:b
    """
    return read_table("pastes.csv", labels=["batch", "cask", "sample"])


def load_orthodont() -> pd.DataFrame:
    """Load a dental distance of 27 children, measured at 8, 10, 12 and 14 years.

    Returns
    -------
    DataFrame of 108 rows
        - `distance`: from the pituitary to the pterygomaxillary fissure, millimetres
        - `age`: years
        - `Subject`: label of the child (string, 27 levels)
        - `Sex`: category, Male or Female

    Notes
    -----
    Origin: Potthoff, R. F., Roy, S. N. (1964). A generalized multivariate analysis
    of variance model useful especially for growth curve problems. Biometrika 51,
    313-326. The table is the one distributed with the R package nlme.

    Examples
    --------
    >>> load_orthodont().head(3)
       distance  age Subject   Sex
    0      26.0    8     M01  Male
    1      25.0   10     M01  Male
    2      29.0   12     M01  Male
    """
    return read_table("orthodont.csv", labels=["Subject"], factors=["Sex"])


def load_dyestuff() -> pd.DataFrame:
    """Load the yield of a dye from five tests of each of six batches.

    The smallest table for a variance between groups: no feature, one grouping column.

    Returns
    -------
    DataFrame of 30 rows
        - `Yield`: grams of standard colour
        - `Batch`: label of the batch (string, 6 levels)

    Notes
    -----
    Origin: Davies, O. L., Goldsmith, P. L. (eds.) (1972). Statistical Methods in
    Research and Production, 4th edition, section 6.4. Oliver and Boyd. The table is
    the one distributed with the R package lme4.

    Examples
    --------
    >>> load_dyestuff().groupby("Batch")["Yield"].mean().to_dict()
    {'A': 1505.0, 'B': 1528.0, 'C': 1564.0, 'D': 1498.0, 'E': 1600.0, 'F': 1470.0}
    """
    return read_table("dyestuff.csv", labels=["Batch"])


def load_pbc() -> pd.DataFrame:
    """Load 1 863 visits of 312 patients with primary biliary cirrhosis.

    Bilirubin rises as the liver fails. Patients differ in it far more than visits of a
    patient do, and what goes with it within a patient is not what goes with it between
    patients: the table on which mixed models lose on new patients unless they are told
    so (`flexcv.preprocessing`).

    Returns
    -------
    DataFrame of 1 863 rows
        - `log_bili`: logarithm of serum bilirubin, mg/dl
        - `year`: years since registration
        - `trt`: 1 for D-penicillamine, 0 for placebo
        - `age`: years at registration
        - `female`: 1 for women, 0 for men
        - `ascites`, `hepato`, `spiders`: 1 where there is fluid in the abdomen, an
          enlarged liver, blood vessel malformations in the skin
        - `edema`: 0 for none, 0.5 untreated or treated with success, 1 despite
          therapy
        - `albumin`: serum albumin, g/dl
        - `alk_phos`: alkaline phosphatase, U/liter
        - `ast`: aspartate aminotransferase, U/ml
        - `platelet`: platelet count
        - `protime`: standardised blood clotting time
        - `stage`: histologic stage of the disease, 1 to 4
        - `patient`: label of the patient (string, 312 levels)

    Notes
    -----
    Origin: Mayo Clinic trial of 1974 to 1984; Murtaugh, P. A., et al. (1994). Primary
    biliary cirrhosis: prediction of short-term survival based on repeated patient
    visits. Hepatology 20, 126-134. The table is `pbcseq` of the R package survival by
    T. Therneau (LGPL, version 2 or later), less the columns of survival and
    cholesterol, which is missing in two of five visits, and less 82 visits with other
    missing values.

    Examples
    --------
    >>> load_pbc()[["log_bili", "year", "albumin", "patient"]].head(3).round(2)
       log_bili  year  albumin patient
    0      2.67  0.00     2.60       1
    1      3.06  0.53     2.94       1
    2      0.10  0.00     4.14       2
    """
    table = read_table("pbcseq.csv", labels=["id"])
    return pd.DataFrame(
        {
            "log_bili": np.log(table["bili"]),
            "year": table["day"] / 365.25,
            "trt": table["trt"],
            "age": table["age"],
            "female": (table["sex"] == "f").astype(int),
            **table.loc[:, "ascites":"stage"],
            "patient": table["id"],
        }
    )
