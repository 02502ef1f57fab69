"""Planes of T2 and DWI of a varied phantom: of their own, and still of one patient."""

from __future__ import annotations

import numpy as np
from LymphNodeSegLib.phantom import Phantom, make_phantom
from LymphNodeSegLib.phantom.mixtures import Scan, draw_scan
from LymphNodeSegLib.phantom.planes import CORONAL_SHARE, OWN_PLANE_SHARES, combined_planes


def plane_of(scan: Scan, name: str) -> str:
    return str(getattr(scan, name).plane).replace("oblique ", "")


def scans(count: int, any_plane: bool = True) -> list[tuple[Scan, Scan]]:
    """Examinations with parallel planes, and what becomes of them."""
    drawn = [draw_scan(np.random.default_rng(seed), None) for seed in range(count)]
    return [
        (one, combined_planes(np.random.default_rng([seed, 2]), one, any_plane))
        for seed, one in enumerate(drawn)
    ]


def test_a_dwi_lies_parallel_to_the_t2_or_axial() -> None:
    pairs = scans(400)
    coronal = [after for _, after in pairs if plane_of(after, "t2") == "coronal"]
    assert abs(len(coronal) / len(pairs) - CORONAL_SHARE) < 0.05
    for plane in ("sagittal", "coronal"):
        of_plane = [after for _, after in pairs if plane_of(after, "t2") == plane]
        axial = [after for after in of_plane if plane_of(after, "dwi") == "axial"]
        assert all(plane_of(after, "dwi") in (plane, "axial") for after in of_plane)
        assert abs(len(axial) / len(of_plane) - OWN_PLANE_SHARES[plane]) < 0.25
    axial = [(before, after) for before, after in pairs if plane_of(after, "t2") == "axial"]
    own = [after for before, after in axial if after.dwi != before.dwi]
    assert 0.2 < len(own) / len(axial) < 0.4  # oblique T2s beside straight DWIs


def test_a_plane_that_was_asked_for_stays() -> None:
    assert all(after.t2 == before.t2 for before, after in scans(60, any_plane=False))


def test_an_axial_dwi_covers_the_middle_of_the_t2_in_pixels_of_a_dwi() -> None:
    for before, after in scans(200):
        if after.dwi == before.dwi:
            continue
        grid, t2 = after.dwi, after.t2
        middle = t2.lps_from_ijk((np.array(t2.size_ijk) - 1) / 2.0)
        assert grid.holds(grid.ijk_from_lps(middle))
        assert max(grid.size_ijk[:2]) <= 192
        assert 8 <= grid.size_ijk[2] <= 36
        assert 1.6 <= grid.spacing_mm[0] <= 2.6


def test_nodes_of_a_sagittal_t2_are_bright_on_an_axial_dwi() -> None:
    phantom = sagittal_with_axial_dwi()
    dwi = phantom.dwi_series[-1]
    inside, around = [], []
    for node in phantom.nodes:
        if node.short_axis_mm < 6.0:
            continue
        k, j, i = np.argwhere(phantom.labels == node.label).mean(0).round().astype(int)
        shift = phantom.displacement_lps_mm[k, j, i]
        at = np.round(dwi.geometry.ijk_from_lps(np.array(node.center_lps_mm) + shift)).astype(int)
        if (at < 4).any() or (at > np.array(dwi.geometry.size_ijk) - 5).any():
            continue
        i, j, k = at
        inside.append(dwi.array[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2].max())
        around.append(np.median(dwi.array[k, j - 4 : j + 5, i - 4 : i + 5]))
    assert len(inside) >= 3
    assert np.median(np.array(inside) / np.array(around)) > 1.5


def sagittal_with_axial_dwi() -> Phantom:
    for seed in range(50):
        scan = draw_scan(np.random.default_rng([seed, 1]), "sagittal")
        after = combined_planes(np.random.default_rng([seed, 2]), scan, any_plane=False)
        if plane_of(after, "dwi") == "axial":
            phantom = make_phantom(seed, plane="sagittal", varied=True)
            assert phantom.dwi_series[0].geometry == after.dwi
            if sum(node.short_axis_mm >= 6.0 for node in phantom.nodes) > 5:
                return phantom
    raise AssertionError("no such phantom among 50")
