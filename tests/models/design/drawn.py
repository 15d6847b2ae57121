"""Names, trees and a table that tests of formulas share."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from flexcv.models.design._tokens import tokens_of
from flexcv.models.design._tree import Call, Name, Number, Sign

NAMES = st.text(
    st.sampled_from([*list("abxyZ09 ._+-*/|:~^`'\"\\()[]{},=<>%#éß温"), "\t"]),
    min_size=1,
    max_size=8,
)


ATOMS = st.one_of(
    st.builds(Name, NAMES),
    st.sampled_from(["0", "1", "2"]).map(Number),
    st.sampled_from(
        ["log(x)", "I(x^2 - 1)", "poly(x, 2, raw=TRUE)", "I(`a b` / -2)", "C(f, 'a|b')"]
    ).map(lambda text: Call(tokens_of(text))),
)


TREES = st.recursive(
    ATOMS,
    lambda part: st.builds(
        Sign, st.sampled_from(["+", "-", "*", "/", ":", "%in%", "**"]), part, part
    ),
    max_leaves=8,
)


def table_of() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "x": rng.normal(size=36),
            "k": np.tile([1, 2, 3], 12),
            "f": np.tile(list("aabbcc"), 6),
            "h": np.tile(list("uuuvvv"), 6),
            "o": pd.Categorical(np.tile(list("lmh"), 12), list("lmh"), ordered=True),
            "g": np.repeat(np.arange(6), 6),
        }
    )
