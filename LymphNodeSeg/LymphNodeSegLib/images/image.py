"""An image: its voxels, where they lie in the patient, and what is known of how they were acquired."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING:
    import SimpleITK

PLANE_NAMES = {0: "sagittal", 1: "coronal", 2: "axial"}
OBLIQUE_FROM_DEGREES = 5.0


@dataclass(frozen=True)
class Geometry:
    """Where a voxel grid lies in the patient.

    Attributes:
        size_ijk: Number of columns, rows, slices.
        origin_lps_mm: Center of voxel (0, 0, 0) in DICOM patient coordinates (LPS).
        spacing_mm: Distance between voxel centers along i, j, k.
        direction_lps: 3x3 matrix, row-major as SimpleITK gives it; its columns are the unit vectors
            of i, j, k in LPS. It may be left-handed.
    """

    size_ijk: tuple[int, int, int]
    origin_lps_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    direction_lps: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @property
    def direction(self) -> np.ndarray:
        """Direction cosines, 3x3; the columns are the unit vectors of i, j, k in LPS."""
        return np.array(self.direction_lps, dtype=float).reshape(3, 3)

    @property
    def normal_lps(self) -> np.ndarray:
        """Unit vector from one slice to the next, LPS."""
        return self.direction[:, 2]

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        return float(np.prod(self.spacing_mm))

    @property
    def ijk_to_lps(self) -> np.ndarray:
        """4x4 matrix from voxel indices (i, j, k, 1) to LPS millimeters."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.direction * np.array(self.spacing_mm)
        matrix[:3, 3] = self.origin_lps_mm
        return matrix

    @property
    def ijk_to_ras(self) -> np.ndarray:
        """4x4 matrix from voxel indices (i, j, k, 1) to RAS millimeters, as MRML wants it."""
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ self.ijk_to_lps

    @property
    def plane(self) -> str:
        """Acquisition plane: "axial", "sagittal" or "coronal", with "oblique " before it beyond 5 degrees."""
        normal = np.abs(self.normal_lps)
        axis = int(np.argmax(normal))
        tilt_degrees = np.degrees(np.arccos(min(float(normal[axis]), 1.0)))
        prefix = "oblique " if tilt_degrees > OBLIQUE_FROM_DEGREES else ""
        return prefix + PLANE_NAMES[axis]

    def lps_from_ijk(self, points_ijk: np.ndarray) -> np.ndarray:
        """Voxel indices (..., 3), fractions allowed, to LPS millimeters (..., 3)."""
        matrix = self.ijk_to_lps
        return np.asarray(points_ijk, dtype=float) @ matrix[:3, :3].T + matrix[:3, 3]

    def ijk_from_lps(self, points_lps_mm: np.ndarray) -> np.ndarray:
        """LPS millimeters (..., 3) to fractional voxel indices (..., 3)."""
        matrix = self.ijk_to_lps
        inverse = np.linalg.inv(matrix[:3, :3])
        return (np.asarray(points_lps_mm, dtype=float) - matrix[:3, 3]) @ inverse.T

    def holds(self, points_ijk: np.ndarray) -> np.ndarray:
        """Which of some voxel indices (..., 3), fractions allowed, lie in a voxel of the grid."""
        points_ijk = np.asarray(points_ijk)
        return np.asarray(
            np.all((points_ijk >= -0.5) & (points_ijk <= np.array(self.size_ijk) - 0.5), axis=-1)
        )

    def is_close(self, other: Geometry, tolerance_mm: float = 1e-4) -> bool:
        """Whether both grids have the same size and every corner agrees within the tolerance."""
        if self == other or self.size_ijk != other.size_ijk:
            return self == other
        return bool(np.abs(self.corners_lps_mm() - other.corners_lps_mm()).max() <= tolerance_mm)

    def corners_lps_mm(self) -> np.ndarray:
        """The eight corners of the grid at voxel edges (not centers), LPS, shape (8, 3)."""
        ends = [(-0.5, size - 0.5) for size in self.size_ijk]
        corners = np.array([(i, j, k) for i in ends[0] for j in ends[1] for k in ends[2]])
        return self.lps_from_ijk(corners)


@dataclass(frozen=True)
class Acquisition:
    """What is known of how an image came to be. Holds no patient identity.

    Attributes:
        role: "T2", "DWI", "ADC" or "other"; empty if nobody said.
        b_value_s_mm2: Diffusion weighting of this image.
        computed: The b-value was extrapolated by the scanner, not measured.
        description: SeriesDescription, or the file's name.
        series_uid, study_uid, frame_of_reference_uid: DICOM UIDs; empty where the image is no DICOM.
        phase_encoding_lps: Unit vector along the phase-encoding direction (sign not known), if known.
        source_files: The DICOM file of each slice in the order of k (one entry for an enhanced
            multi-frame file); or the one file that was read.
    """

    role: str = ""
    b_value_s_mm2: Optional[float] = None
    computed: bool = False
    description: str = ""
    series_uid: str = ""
    study_uid: str = ""
    frame_of_reference_uid: str = ""
    phase_encoding_lps: Optional[tuple[float, float, float]] = None
    source_files: tuple[Path, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Image:
    """One volume. The array is indexed [k, j, i]; it belongs to the image and is not written to.

    Raises:
        ValueError: the array's shape and the geometry's size disagree.
    """

    array: np.ndarray = field(repr=False)
    geometry: Geometry
    acquisition: Acquisition = field(default_factory=Acquisition)

    def __post_init__(self) -> None:
        if self.array.shape != self.geometry.size_ijk[::-1]:
            raise ValueError(
                f"Array of shape {self.array.shape} does not fit a grid of {self.geometry.size_ijk} voxels."
            )

    @property
    def is_dicom(self) -> bool:
        """Whether the image was read from a DICOM series, so that outputs can refer to it."""
        return bool(self.acquisition.series_uid)

    def with_array(self, array: np.ndarray) -> Image:
        """The same place and acquisition with other voxels (same shape)."""
        return replace(self, array=array)

    def to_sitk(self) -> SimpleITK.Image:
        """The image as SimpleITK holds it; types SimpleITK lacks are widened."""
        import SimpleITK as sitk

        array = self.array
        if array.dtype == bool:
            array = array.astype(np.uint8)
        elif array.dtype == np.float16:
            array = array.astype(np.float32)
        image = sitk.GetImageFromArray(array)
        image.SetOrigin(self.geometry.origin_lps_mm)
        image.SetSpacing(self.geometry.spacing_mm)
        image.SetDirection(self.geometry.direction_lps)
        return image

    @staticmethod
    def from_sitk(image: SimpleITK.Image, acquisition: Optional[Acquisition] = None) -> Image:
        """A 3-D scalar SimpleITK image as an `Image`; the voxels are copied once."""
        import SimpleITK as sitk

        return Image(
            sitk.GetArrayFromImage(image),
            geometry_of(image),
            acquisition or Acquisition(),
        )


def geometry_of(image: Any) -> Geometry:
    """The geometry of a 3-D SimpleITK image."""
    return Geometry(
        tuple(int(n) for n in image.GetSize()),  # type: ignore[arg-type]
        tuple(image.GetOrigin()),
        tuple(image.GetSpacing()),
        tuple(image.GetDirection()),
    )


@dataclass(frozen=True)
class StudyImages:
    """The images that a run works on.

    Attributes:
        t2: The T2-weighted image; its grid is the grid of every result.
        dwi: The diffusion-weighted image at the chosen b-value.
        dwi_series: All measured b-values of the same acquisition, lowest b first; contains `dwi`.
        adc: Apparent diffusion coefficient in um2/s (1e-6 mm2/s), if there is one.
        choices: Sentences that say why these series were chosen.
    """

    t2: Image
    dwi: Image
    dwi_series: tuple[Image, ...] = ()
    adc: Optional[Image] = None
    choices: tuple[str, ...] = ()
