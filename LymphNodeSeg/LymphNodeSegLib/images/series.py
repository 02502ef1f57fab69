"""Slices of a study, grouped into series and volumes, and what is wrong with each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Optional

import numpy as np

from .b_values import of_description
from .headers import Slice
from .image import Geometry
from .roles import ADC, DWI, LOCALIZER, OTHER, T2, Role, role_of, special_type
from .stack import Stack, axes_of, stack_of

# b-values closer than this belong to one shell: directions of one b differ by the imaging gradients.
SHELL_GAP_S_MM2 = 4.0
SHELL_GAP_SHARE = 0.03
SAME_ORIENTATION = 0.02
PERPENDICULAR = 0.3
MOST_LOCALIZER_SLICES = 15
DYNAMIC_TIMES = 3


@dataclass(frozen=True)
class Volume:
    """The slices of a series at one b-value, in the order of k.

    Attributes:
        b_value: In s/mm2, or None for images without diffusion weighting.
        stack: The slices, sorted and checked.
    """

    b_value: Optional[float]
    stack: Stack = field(repr=False)

    @property
    def problem(self) -> Optional[str]:
        """Why the volume cannot be read, in one sentence, or None."""
        return self.stack.problem


@dataclass(frozen=True)
class Series:
    """One series of a study (one orientation of it, where it has several).

    Attributes:
        uid: SeriesInstanceUID.
        description: SeriesDescription.
        role: "T2", "DWI", "ADC" or "other".
        kind: The role in more words.
        plane: "axial", "oblique sagittal", ...; empty if the header does not say.
        b_values: Every b-value that the headers name, lowest first. Maps name one too.
        computed: Diffusion images that were extrapolated, not measured.
        files: Number of files.
        problem: Why it cannot be used, in one sentence, or None.
        volumes: What can be read of it: one for each b-value of a DWI, else one.
        traits: More about the role, for choosing.
        number: SeriesNumber.
    """

    uid: str
    description: str
    role: str
    kind: str
    plane: str
    b_values: tuple[float, ...]
    computed: bool
    files: int
    problem: Optional[str]
    volumes: tuple[Volume, ...] = field(default=(), repr=False)
    traits: Role = field(default=Role(OTHER, "other"), repr=False)
    number: int = 0

    @property
    def first(self) -> Slice:
        """A slice that stands for all in what they share."""
        return self.volumes[0].stack.slices[0][0]

    @property
    def geometry(self) -> Optional[Geometry]:
        """The grid of the first volume that can be read, or None."""
        return next((volume.stack.geometry for volume in self.volumes if volume.problem is None), None)

    @property
    def usable(self) -> tuple[Volume, ...]:
        """The volumes that can be read."""
        return tuple(volume for volume in self.volumes if volume.problem is None)


def group_into_series(slices: Iterable[Slice]) -> tuple[Series, ...]:
    """Series in the order of their numbers; parts of one series with other roles stand for themselves."""
    by_uid: dict[tuple[str, str], list[Slice]] = defaultdict(list)
    for piece in _without_copies(slices):
        by_uid[piece.file.study_uid, piece.file.series_uid].append(piece)
    found = [series for members in by_uid.values() for series in _series_of(members)]
    return tuple(sorted(found, key=lambda series: (series.number, series.uid, series.role, series.plane)))


def _without_copies(slices: Iterable[Slice]) -> list[Slice]:
    """The same instance stored twice (a copy of a file) counts once.

    Some de-identifiers give one UID to all images, so that alone makes no copy.
    """
    kept = {
        (
            piece.file.sop_instance_uid or piece.file.path,
            piece.frame,
            piece.position_lps_mm,
            piece.b_value,
        ): piece
        for piece in slices
    }
    return list(kept.values())


def _series_of(slices: Sequence[Slice]) -> list[Series]:
    """One series, or its parts where it mixes roles (Philips: DWI and ADC) or orientations."""
    by_type: dict[str, list[Slice]] = defaultdict(list)
    for piece in slices:
        by_type[piece.file.no_image or special_type(piece.image_type)].append(piece)
    found = []
    for members in (part for several in by_type.values() for part in _by_echo(several)):
        traits = role_of(members)
        if traits.role == T2 and _in_three_planes(members):
            traits = Role(OTHER, LOCALIZER)
        whole = traits.kind == LOCALIZER
        found += [_series(part, traits) for part in ([members] if whole else _by_orientation(members))]
    return found


def _by_echo(slices: list[Slice]) -> list[list[Slice]]:
    """Proton density and T2 of a dual-echo acquisition; more echoes are those of a map."""
    echoes: dict[Optional[float], list[Slice]] = defaultdict(list)
    for piece in slices:
        echoes[piece.file.echo_time_ms].append(piece)
    parts = list(echoes.values())
    dual = len(parts) == 2 and _places(parts[0]) == _places(parts[1])
    return parts if dual and role_of(slices).role not in (DWI, ADC) else [slices]


def _by_orientation(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Parts of one orientation; a slice that names none spoils the largest part, which lacks it."""
    parts: list[list[Slice]] = []
    for piece in (piece for piece in slices if piece.orientation_lps):
        for part in parts:
            if _same_plane(part[0], piece):
                part.append(piece)
                break
        else:
            parts.append([piece])
    lost = [piece for piece in slices if not piece.orientation_lps]
    if not parts:
        return [lost]
    max(parts, key=len).extend(lost)
    return parts


def _in_three_planes(slices: Sequence[Slice]) -> bool:
    """Whether a series holds some axial, sagittal and coronal slices, whatever its name says."""
    found: list[np.ndarray] = []
    for part in _by_orientation(slices):
        if not part[0].orientation_lps or len(part) > MOST_LOCALIZER_SLICES:
            return False
        normal = np.cross(part[0].orientation_lps[:3], part[0].orientation_lps[3:])
        if all(abs(float(normal @ other)) < PERPENDICULAR for other in found):
            found.append(normal)
    return len(found) == 3


def _same_plane(one: Slice, other: Slice) -> bool:
    return max(abs(a - b) for a, b in zip(one.orientation_lps, other.orientation_lps)) < SAME_ORIENTATION


def _series(slices: Sequence[Slice], traits: Role) -> Series:
    first = slices[0]
    if traits.role == DWI:
        slices = _with_implied_b_values(slices)
        volumes = tuple(_volume(b_value, members) for b_value, members in _shells(slices))
    else:
        volumes = (Volume(None, stack_of(slices)),)
        if traits.role in (T2, OTHER) and traits.kind != LOCALIZER and _is_dynamic(slices):
            traits = Role(OTHER, "dynamic series")
    return Series(
        uid=first.file.series_uid,
        description=first.file.description,
        role=traits.role,
        kind=traits.kind,
        plane=_plane(volumes),
        b_values=_b_values(slices, traits),
        computed=traits.computed,
        files=len({piece.file.path for piece in slices}),
        problem=_problem(volumes),
        volumes=volumes,
        traits=traits,
        number=first.file.series_number,
    )


def _with_implied_b_values(slices: Sequence[Slice]) -> Sequence[Slice]:
    """Fill in what headers leave out: the one b-value in the series' name, or b = 0.

    Toshiba, and GE in the standard attribute, write the b-value of the weighted images only. Slices
    without one that lie where all the weighted ones lie are those at b = 0.
    """
    known = [piece for piece in slices if piece.b_value is not None]
    unknown = [piece for piece in slices if piece.b_value is None]
    implied: Optional[float] = None
    if not known:
        implied = of_description(slices[0].file.description)
    elif unknown and all(piece.b_value for piece in known) and _places(unknown) == _places(known):
        implied = 0.0
    return slices if implied is None else known + [replace(piece, b_value=implied) for piece in unknown]


def _places(slices: Sequence[Slice]) -> set[tuple[float, ...]]:
    return {piece.position_lps_mm for piece in slices}


def _volume(b_value: Optional[float], slices: Sequence[Slice]) -> Volume:
    """A trace image is preferred to the directions that it was made of.

    Images of one place at b-values that nobody knows must not be averaged: they may be b = 0 and 800.
    """
    isotropic = [piece for piece in slices if piece.directionality == "isotropic"]
    known = b_value is not None
    return Volume(b_value, stack_of(isotropic or slices, known, "several b-values that no header names"))


def _shells(slices: Sequence[Slice]) -> list[tuple[Optional[float], list[Slice]]]:
    """Slices of one diffusion weighting together, lowest first; those without a b-value last."""
    known = sorted(
        (piece for piece in slices if piece.b_value is not None), key=lambda piece: piece.b_value or 0.0
    )
    shells: list[list[Slice]] = []
    for piece in known:
        previous = shells[-1][-1].b_value or 0.0 if shells else -np.inf
        gap = max(SHELL_GAP_S_MM2, SHELL_GAP_SHARE * (piece.b_value or 0.0))
        if (piece.b_value or 0.0) - previous <= gap:
            shells[-1].append(piece)
        else:
            shells.append([piece])
    found: list[tuple[Optional[float], list[Slice]]] = [
        (float(np.median([piece.b_value or 0.0 for piece in shell])), shell) for shell in shells
    ]
    unknown = [piece for piece in slices if piece.b_value is None]
    return [*found, (None, unknown)] if unknown else found


def _b_values(slices: Sequence[Slice], traits: Role) -> tuple[float, ...]:
    """As the headers say; b = 0 of a series that is not made of diffusion images means nothing."""
    found = tuple(b_value for b_value, _ in _shells(slices) if b_value is not None)
    return found if traits.role in (DWI, ADC) or any(found) else ()


def _plane(volumes: Sequence[Volume]) -> str:
    geometry = next((volume.stack.geometry for volume in volumes if volume.stack.geometry), None)
    if geometry is not None:
        return geometry.plane
    piece = volumes[0].stack.slices[0][0]
    if len(piece.orientation_lps) != 6:
        return ""
    axes = np.column_stack(axes_of(piece))
    return Geometry((1, 1, 1), direction_lps=tuple(axes.ravel())).plane if np.isfinite(axes).all() else ""


def _problem(volumes: Sequence[Volume]) -> Optional[str]:
    """The first problem; where a series has several b-values, of which one it is."""
    for volume in volumes:
        if volume.problem is not None:
            return volume.problem if len(volumes) == 1 else f"b = {_b_name(volume)}: {volume.problem}"
    return None


def _b_name(volume: Volume) -> str:
    return "unknown" if volume.b_value is None else f"{volume.b_value:g}"


def _is_dynamic(slices: Sequence[Slice]) -> bool:
    """The same places at several temporal positions."""
    times = Counter(piece.repeat for piece in slices)
    places = len({piece.position_lps_mm for piece in slices})
    return len(times) >= DYNAMIC_TIMES and len(slices) >= DYNAMIC_TIMES * places
