"""Systems of linear equations beside NumPy's own solver."""

from __future__ import annotations

import numpy as np
import pytest
from LymphNodeSegLib.nodes import linear


@pytest.mark.parametrize("batch", [1, 20, linear.FEW + 1])
@pytest.mark.parametrize("size", [1, 9, 41])
def test_few_and_many_systems_are_solved_as_numpy_does(batch: int, size: int):
    rng = np.random.default_rng(batch)
    basis = rng.normal(size=(batch, 3 * size, size))
    matrices, right = basis.transpose(0, 2, 1) @ basis, rng.normal(size=(batch, size, 2))
    given = matrices.copy(), right.copy()
    expected = np.linalg.solve(matrices, right)
    np.testing.assert_allclose(linear.solve(matrices, right), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(matrices, given[0])
    np.testing.assert_array_equal(right, given[1])


@pytest.mark.parametrize("size", [1, 30])
def test_one_system_is_solved_as_numpy_does(size: int):
    rng = np.random.default_rng(size)
    basis, right = rng.normal(size=(3 * size, size)), rng.normal(size=size)
    given = right.copy()
    np.testing.assert_allclose(
        linear.solve_one(basis.T @ basis, right), np.linalg.solve(basis.T @ basis, right), rtol=1e-9
    )
    np.testing.assert_array_equal(right, given)
