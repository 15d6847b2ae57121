"""Level blocks of matrices that are asked for by columns."""

import numpy as np

from flexcv.models.gaussian import blocks

SIZES = ((2, 3), (1, 4))
SQUARE = np.random.default_rng(0).normal(size=(10, 10))


def test_factors_start_one_after_the_other():
    assert list(blocks.starts_of(SIZES)) == [(0, 2, 3), (6, 1, 4)]


def test_a_block_holds_the_effects_of_one_level():
    found = blocks.level_blocks(SQUARE, 0, 2, 3)
    for level in range(3):
        places = [level, 3 + level]
        np.testing.assert_array_equal(
            found[:, :, level], SQUARE[np.ix_(places, places)]
        )


def test_blocks_by_columns_are_those_of_the_whole_in_any_chunks(monkeypatch):
    for chunk in (256, 2, 1):
        monkeypatch.setattr(blocks, "CHUNK_LEVELS", chunk)
        first, second = blocks.blocks_of_columns(lambda k: SQUARE[:, k], SIZES)
        whole = blocks.level_blocks(SQUARE, 0, 2, 3)
        np.testing.assert_array_equal(first, whole.transpose(2, 0, 1))
        np.testing.assert_array_equal(second[:, 0, 0], SQUARE.diagonal()[6:])


def test_a_form_of_columns_is_the_quadratic_form():
    rng = np.random.default_rng(1)
    place = np.array([[0, 3], [2, 5], [0, 3], [9, 1]])
    load = rng.normal(size=(4, 2))
    vectors = np.zeros((4, 10))
    for row in range(4):
        vectors[row, place[row]] = load[row]
    wanted = np.einsum("na,ab,nb->n", vectors, SQUARE, vectors)
    found = blocks.form_of_columns(lambda k: SQUARE[:, k], place, load)
    np.testing.assert_allclose(found, wanted)
