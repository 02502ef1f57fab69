"""Two studies of one synthetic patient, weeks apart: what stays, what grows, what is new and what is gone.

The second one has other echo times, pixels, slices, noise and shading, another bladder and bowel, another
posture by some degrees, and tissue moved by some millimeters.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any, Callable
from unittest import mock

import numpy as np
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.phantom import Phantom, make_phantom, pelvis
from LymphNodeSegLib.phantom.curves import rotation_from_degrees
from LymphNodeSegLib.phantom.layers import Layer
from LymphNodeSegLib.phantom.mixtures import Scan
from LymphNodeSegLib.phantom.shapes import Ellipsoid
from LymphNodeSegLib.phantom.truth import Draft
from LymphNodeSegLib.phantom.warp import BodyWarp, Lattice

TURN_DEGREES = 3.0
MOVED_MM = 6.0
WARPED_MM = 1.0  # standard deviation along each axis of how tissue moves between the studies
SHARES = {"stays": 0.45, "grown": 0.15, "new": 0.2, "vanished": 0.2}
CHANGES_BETWEEN_STUDIES = ("add_bladder", "add_rectum", "add_bowel")


@dataclass(frozen=True)
class TwoStudies:
    """Two studies of one patient, on headers that say nothing of how the patient moved.

    Attributes:
        prior, current: Images and truth.
        then, now: Number of each node in the patient, by its label in the prior, and in the current study.
        fate: What becomes of each node of the patient, one of `SHARES`.
    """

    prior: Phantom
    current: Phantom
    then: dict[int, int]
    now: dict[int, int]
    fate: tuple[str, ...]


def two_studies(seed: int, difficulty: str = "standard", plane: str | None = "axial") -> TwoStudies:
    """The two studies of a seed, the same each time."""
    return _Pair(seed, difficulty, plane).made()


class _Pair:
    """What the making of the second study knows of the first."""

    def __init__(self, seed: int, difficulty: str, plane: str | None) -> None:
        self.seed, self.difficulty, self.plane = seed, difficulty, plane
        rng = np.random.default_rng([seed, 77])
        self.rng = rng
        self.turn = rotation_from_degrees(*rng.normal(0.0, TURN_DEGREES, 3))
        self.shift = rng.normal(0.0, MOVED_MM, 3)
        self.drafts: list[Draft] = []
        self.present: list[Draft] = []  # of the study that is being made, those left out among them
        self.fate: tuple[str, ...] = ()
        self.warp: Any = None
        self.after_placing: Any = None
        self.placed: list[np.ndarray] = []

    def made(self) -> TwoStudies:
        prior, then = self._study(0)
        current, now = self._study(1)
        return TwoStudies(prior, self._unmoved(current), then, now, self.fate)

    def _study(self, when: int) -> tuple[Phantom, dict[int, int]]:
        changed = {name: self._another_day(name, when) for name in CHANGES_BETWEEN_STUDIES}
        patches = {
            "draw_scan": self._draw_scan(when),
            "BodyWarp": self._body_warp(when),
            "place_nodes": self._place_nodes(when),
            "node_layers": self._node_layers,
            "scan_t2": self._scanned(pelvis.scan_t2, when, 1),
            "scan_dwi": self._scanned(pelvis.scan_dwi, when, 2),
            **changed,
        }
        with mock.patch.multiple(pelvis, **patches):
            phantom = make_phantom(self.seed, self.difficulty, self.plane)
        who = {tuple(np.round(center, 3)): n for n, center in enumerate(self.placed)}
        return phantom, {node.label: who[tuple(np.round(node.center_lps_mm, 3))] for node in phantom.nodes}

    def _draw_scan(self, when: int) -> Callable[..., Scan]:
        draw = pelvis.draw_scan

        def drawn(rng: np.random.Generator, plane: Any) -> Scan:
            scan = draw(rng, plane)
            if when == 0:
                return scan
            own, protocol = self.rng, scan.protocol
            pixel, thick = own.uniform(0.8, 1.25), own.choice([0.8, 0.9, 1.0, 1.0, 1.1, 1.25])
            beginning = own.uniform(-0.5, 0.5) * scan.t2.spacing_mm[2]
            weighted = replace(
                protocol,
                t2_te_ms=protocol.t2_te_ms * own.uniform(0.85, 1.15),
                t2_tr_ms=protocol.t2_tr_ms * own.uniform(0.8, 1.25),
            )
            t2 = turned(other_voxels(scan.t2, pixel, thick, beginning), self.turn, self.shift)
            return replace(scan, t2=t2, dwi=turned(scan.dwi, self.turn, self.shift), protocol=weighted)

        return drawn

    def _body_warp(self, when: int) -> Callable[..., BodyWarp]:
        def warp(rng: np.random.Generator, amount_mm: float) -> BodyWarp:
            made = BodyWarp(rng, amount_mm)
            if when == 1:
                values = self.rng.normal(0.0, WARPED_MM / 0.33, (3, 18, 18, 18))
                made._layers.append(Lattice(values, 40.0, 3))
            return made

        return warp

    def _place_nodes(self, when: int) -> Callable[..., list[Draft]]:
        place = pelvis.place_nodes

        def placed(body: Any, warp: BodyWarp, grid: Geometry, count: int, share: float) -> list[Draft]:
            if when == 0:
                self.drafts, self.warp = place(body, warp, grid, count, share), warp
                self.after_placing = body.rng.bit_generator.state
                self.fate = tuple(
                    self.rng.choice(list(SHARES), p=list(SHARES.values()), size=len(self.drafts)).tolist()
                )
                self.placed = [draft.shape.center_mm for draft in self.drafts]
                self.present = self.drafts
                return [d for d, fate in zip(self.drafts, self.fate) if fate != "new"]
            body.rng.bit_generator.state = self.after_placing
            centers = warp.to_patient(self.warp.to_anatomy(np.array(self.placed)))
            self.placed = list(centers)
            growth = self.rng.uniform(1.3, 1.6, len(centers))
            self.present = [
                replace(d, shape=sized(d.shape, c, g if fate == "grown" else 1.0))
                for d, c, g, fate in zip(self.drafts, centers, growth, self.fate)
            ]
            return [d for d, fate in zip(self.present, self.fate) if fate != "vanished"]

        return placed

    def _node_layers(self, body: Any, draft: Draft) -> list[Layer]:
        """A node looks the same in both studies, whichever others there are."""
        number = next(n for n, one in enumerate(self.present) if one is draft)
        state = body.rng.bit_generator.state
        body.rng.bit_generator.state = np.random.default_rng([self.seed, 78, number]).bit_generator.state
        layers = _NODE_LAYERS(body, draft)
        body.rng.bit_generator.state = state
        return layers

    def _scanned(self, scan: Callable[..., Any], when: int, which: int) -> Callable[..., Any]:
        own = np.random.default_rng([self.seed, 79, when, which])
        return lambda _, *arguments: scan(own, *arguments)

    def _another_day(self, name: str, when: int) -> Callable[..., Any]:
        """An organ that is filled otherwise in the second study; what is drawn after it stays the same."""
        add = getattr(pelvis, name)

        def added(body: Any, *arguments: Any) -> Any:
            if when == 0:
                return add(body, *arguments)
            other = copy.deepcopy(body)
            add(other, *arguments)
            body.rng.bit_generator.state = np.random.default_rng(
                [self.seed, 80, CHANGES_BETWEEN_STUDIES.index(name)]
            ).bit_generator.state
            result = add(body, *arguments)
            body.rng.bit_generator.state = other.rng.bit_generator.state
            return result

        return added

    def _unmoved(self, phantom: Phantom) -> Phantom:
        """The same images with headers that say nothing of the turn."""

        def header(image: Image) -> Image:
            return unturned(image, self.turn, self.shift)

        return replace(
            phantom,
            t2=header(phantom.t2),
            dwi_series=tuple(map(header, phantom.dwi_series)),
            adc=header(phantom.adc),
        )


_NODE_LAYERS = pelvis.node_layers


def turned(grid: Geometry, turn: np.ndarray, shift_mm: np.ndarray) -> Geometry:
    """A grid that meets the patient at another angle and place."""
    return _laid(grid, turn @ grid.origin_lps_mm + shift_mm, turn @ grid.direction)


def unturned(image: Image, turn: np.ndarray, shift_mm: np.ndarray) -> Image:
    """What was taken on a turned grid, with a header that says nothing of the turn."""
    grid = image.geometry
    origin = turn.T @ (np.array(grid.origin_lps_mm) - shift_mm)
    return Image(image.array, _laid(grid, origin, turn.T @ grid.direction), image.acquisition)


def _laid(grid: Geometry, origin: np.ndarray, direction: np.ndarray) -> Geometry:
    return replace(
        grid, origin_lps_mm=tuple(origin.tolist()), direction_lps=tuple(direction.ravel().tolist())
    )


def sized(shape: Ellipsoid, center_mm: np.ndarray, growth: float) -> Ellipsoid:
    """A node that has grown, and lies elsewhere."""
    return Ellipsoid(center_mm, shape.radii_mm * growth, shape.rotation, shape.bend_per_mm / growth)


def other_voxels(grid: Geometry, pixel: float, thick: float, beginning_mm: float) -> Geometry:
    """About the same field of view with other pixels and slices, which begin elsewhere."""
    columns, rows, slices = grid.size_ijk
    size = (round(columns / pixel), round(rows / pixel), round(slices / thick))
    spacing = tuple(np.multiply(grid.spacing_mm, (pixel, pixel, thick)).tolist())
    origin = tuple((np.array(grid.origin_lps_mm) + beginning_mm * grid.normal_lps).tolist())
    return replace(grid, size_ijk=size, spacing_mm=spacing, origin_lps_mm=origin)
