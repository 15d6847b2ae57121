"""Tables of effects and of their deviations have the labels of the levels."""

import numpy as np
import pandas as pd

from flexcv.models.design.effects_table import deviation_tables


def test_deviations_have_the_labels_of_the_effects():
    effects = {
        "g": pd.DataFrame(
            [[1.0, 2.0], [3.0, 4.0]], index=["a", "b"], columns=["1", "x"]
        ),
        "h": pd.DataFrame([[5.0]], index=[308], columns=["1"]),
    }
    deviations = [np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[0.5]])]
    found = deviation_tables(effects, deviations)
    assert list(found) == ["g", "h"]
    for (name, frame), values in zip(effects.items(), deviations, strict=True):
        expected = pd.DataFrame(values, index=frame.index, columns=frame.columns)
        pd.testing.assert_frame_equal(found[name], expected)
