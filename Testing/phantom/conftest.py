"""Phantoms shared by the tests of this folder."""

from __future__ import annotations

import pytest
from LymphNodeSegLib.phantom import Phantom, make_phantom


@pytest.fixture(scope="package")
def axial() -> Phantom:
    return make_phantom(3, plane="axial")


@pytest.fixture(scope="package")
def sagittal() -> Phantom:
    return make_phantom(4, "hard", plane="sagittal")
