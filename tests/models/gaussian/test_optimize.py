"""The trust-region search."""

import numpy as np

from flexcv.models.gaussian.optimize import minimise


def saddle(point: np.ndarray):
    """Two wells at plus and minus one, a saddle at zero."""
    x, y = point
    value = (x**2 - 1) ** 2 + y**2
    gradient = np.array([4 * x * (x**2 - 1), 2 * y])
    return float(value), gradient, np.array([[12 * x**2 - 4, 0.0], [0.0, 2.0]])


def test_an_exact_saddle_is_left() -> None:
    found = minimise(saddle, np.zeros(2))
    assert found.converged
    assert abs(abs(found.theta[0]) - 1.0) < 1e-6


def test_a_minimum_at_zero_is_kept() -> None:
    def bowl(point: np.ndarray):
        return float(point @ point), 2 * point, 2 * np.eye(2)

    found = minimise(bowl, np.array([3.0, -4.0]))
    assert found.converged
    np.testing.assert_allclose(found.theta, 0.0, atol=1e-10)


def test_a_wrong_hessian_is_corrected_by_gradients() -> None:
    exact = np.array([[4.0, 1.0], [1.0, 3.0]])

    def bowl(point: np.ndarray):
        return float(0.5 * point @ exact @ point), exact @ point, 0.5 * np.eye(2)

    found = minimise(bowl, np.array([1.0, 1.0]), exact=False)
    assert found.converged
    assert found.n_iter < 30
    np.testing.assert_allclose(found.theta, 0.0, atol=1e-4)


def test_a_criterion_without_minimum_is_not_called_converged() -> None:
    def slope(point: np.ndarray):
        return -float(point[0]), np.array([-1.0]), np.zeros((1, 1))

    assert not minimise(slope, np.zeros(1), max_iterations=20).converged


def test_a_value_that_is_not_finite_is_stepped_back_from() -> None:
    def wall(point: np.ndarray):
        x = point[0]
        if x > 1.5:
            return np.inf, np.zeros(1), np.eye(1)
        return (x - 1.4) ** 2, np.array([2 * (x - 1.4)]), np.array([[0.2]])

    found = minimise(wall, np.zeros(1))
    assert abs(found.theta[0] - 1.4) < 1e-4
