"""One tidy table of the effects of all factors, with their deviations."""

import pandas as pd

from flexcv.models.design.effects_table import COLUMNS, tidy_effects


def test_effects_stand_beside_their_deviations_with_labels_as_text():
    cells = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    effects = {
        "g": pd.DataFrame({"1": [1.0, 3.0], "x": [2.0, 4.0]}, index=[308, 309]),
        "a:b": pd.DataFrame({"1": [5.0, 6.0]}, index=cells),
    }
    deviations = {name: 0.1 * frame for name, frame in effects.items()}
    found = tidy_effects(effects, deviations)
    assert list(found.columns) == COLUMNS
    assert found[["factor", "group", "name"]].to_numpy().tolist() == [
        ["g", "308", "1"],
        ["g", "309", "1"],
        ["g", "308", "x"],
        ["g", "309", "x"],
        ["a:b", "a:1", "1"],
        ["a:b", "b:2", "1"],
    ]
    assert found["effect"].tolist() == [1.0, 3.0, 2.0, 4.0, 5.0, 6.0]
    assert (found["sd"] == 0.1 * found["effect"]).all()


def test_a_model_without_effects_has_an_empty_table():
    assert tidy_effects({}, {}).empty
