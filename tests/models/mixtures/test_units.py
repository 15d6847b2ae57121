"""What is learned of a scaled table is told on the user's scale."""

import numpy as np

from flexcv.models.mixtures.units import Units

UNITS = Units(
    centre=5.0,
    scale=3.0,
    curve_scale=np.array([2.0, 0.5]),
    fixed_centre=np.array([1.0, -1.0]),
    fixed_scale=np.array([4.0, 0.25]),
    kept=np.array([2, 0]),
)
RNG = np.random.default_rng(0)
CURVE, FIXED = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 3))


def test_coefficients_of_scaled_columns_predict_what_those_of_the_user_do():
    inside = np.array([0.7, -1.2])
    scaled = UNITS.scale * (UNITS.curve(CURVE) @ inside)
    np.testing.assert_allclose(CURVE @ UNITS.coefficients(inside), scaled)


def test_covariances_go_with_the_coefficients():
    inside = np.array([[1.0, 0.3], [0.3, 2.0]])
    scaled = UNITS.scale**2 * UNITS.curve(CURVE) @ inside @ UNITS.curve(CURVE).T
    outside = CURVE @ UNITS.coefficient_covariance(inside) @ CURVE.T
    np.testing.assert_allclose(outside, scaled)


def test_effects_of_the_kept_columns_predict_differences():
    inside = np.array([0.7, -1.2])
    scaled = UNITS.scale * np.diff(UNITS.fixed(FIXED) @ inside)
    outside = np.diff(FIXED[:, [2, 0]] @ UNITS.effects(inside))
    np.testing.assert_allclose(outside, scaled)


def test_a_target_is_centred_and_scaled():
    np.testing.assert_allclose(UNITS.target(np.array([5.0, 8.0])), [0.0, 1.0])
