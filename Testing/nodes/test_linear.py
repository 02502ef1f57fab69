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
