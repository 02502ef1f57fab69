"""Images and nodes with known voxels, for the scene's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable

import numpy as np
import pytest
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image
from LymphNodeSegLib.nodes.node import Diameter, Node, NodeMask
from LymphNodeSegLib.scene.session import Session

SIZE_IJK = (24, 17, 9)
SPACING_MM = (0.6, 0.8, 3.3)
ORIGIN_LPS_MM = (-41.25, 12.5, -103.75)


def rotation(axis: int, degrees: float) -> np.ndarray:
    first, second = [other for other in range(3) if other != axis]
    matrix = np.eye(3)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


DIRECTIONS = {
    "axial": np.eye(3),
    "sagittal": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "oblique": rotation(0, 17.0) @ rotation(1, -8.0) @ rotation(2, 4.0),
    "left-handed oblique": rotation(0, 17.0) @ rotation(1, -8.0) @ np.diag([1.0, 1.0, -1.0]),
}


@pytest.fixture(scope="session")
def geometries() -> dict[str, Geometry]:
    return {
        name: Geometry(SIZE_IJK, ORIGIN_LPS_MM, SPACING_MM, tuple(direction.ravel().tolist()))
        for name, direction in DIRECTIONS.items()
    }


@pytest.fixture(params=sorted(DIRECTIONS))
def geometry(request: pytest.FixtureRequest, geometries: dict[str, Geometry]) -> Geometry:
    return geometries[request.param]


@pytest.fixture
def oblique(geometries: dict[str, Geometry]) -> Geometry:
    return geometries["oblique"]


@pytest.fixture(scope="session")
def ramp() -> Callable[..., Image]:
    """Makes an image with another value in every voxel, so that a flipped or transposed axis shows."""

    def make(geometry: Geometry, dtype: type = np.int16) -> Image:
        count = int(np.prod(geometry.size_ijk))
        array = np.arange(count).reshape(geometry.size_ijk[::-1]).astype(dtype)
        return Image(array, geometry, Acquisition(role="T2", series_uid="1.2.3.4", study_uid="1.2.3"))

    return make


@pytest.fixture
def scene() -> Iterator[Any]:
    """A scene of the test's own."""
    session = Session()
    return session.scene


@pytest.fixture(scope="session")
def labels_and_nodes() -> Callable[[Geometry, int], tuple[Image, list[Node]]]:
    """Makes boxes of 3x2x2 voxels in a row along i, of the three size classes in turn."""

    def make(geometry: Geometry, count: int) -> tuple[Image, list[Node]]:
        array = np.zeros(geometry.size_ijk[::-1], np.uint16)
        nodes = []
        per_row = geometry.size_ijk[0] // 3
        for index in range(count):
            i, j = 3 * (index % per_row), 2 * (index // per_row)
            array[2:4, j : j + 2, i : i + 3] = index + 1
            nodes.append(_node(index, (i, j, 2), geometry))
        return Image(array, geometry), nodes

    return make


@pytest.fixture
def sixty_nodes() -> tuple[Image, list[Node]]:
    """60 nodes on a large grid."""
    geometry = Geometry((512, 512, 40), spacing_mm=(0.4, 0.4, 3.0))
    array = np.zeros((40, 512, 512), np.uint16)
    for label in range(1, 61):
        array[label % 38 : label % 38 + 2, label * 8 : label * 8 + 8, 100:120] = label
    mask = NodeMask(np.ones((1, 1, 1), bool), (0, 0, 0), geometry)
    nodes = [
        Node(f"LN{n:03d}", n, mask, 1.0, None, None, None, None, None, None, (0.0, 0.0, 0.0))
        for n in range(1, 61)
    ]
    return Image(array, geometry), nodes


def _node(index: int, start_ijk: tuple[int, int, int], geometry: Geometry) -> Node:
    diameter = Diameter(4.25 + index, (0.0, 0.0, 0.0), (4.25 + index, 0.0, 0.0))
    return Node(
        id=f"LN{index + 1:03d}",
        label=index + 1,
        mask=NodeMask(np.ones((2, 2, 3), bool), start_ijk, geometry),
        volume_mm3=12 * geometry.voxel_volume_mm3,
        short_axis=diameter if index != 1 else None,
        long_axis=diameter,
        axial_short_axis=diameter,
        axial_long_axis=diameter,
        max_diameter_3d_mm=None,
        sphericity=None,
        centroid_ras_mm=(1.0, 2.0, 3.0),
        confidence=0.75,
        mean_adc_um2_s=900.5,
        size_class=("normal", "enlarged", "target")[index % 3],
        notes=("cut by the field of view",) if index == 0 else (),
    )
