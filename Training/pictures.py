"""Pictures: failures on phantoms, reliability, finds in a patient, a patient beside phantoms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from LymphNodeSegLib.images.files import read_image
from LymphNodeSegLib.images.image import Image
from LymphNodeSegLib.network.inference import pick_device, segment_image
from LymphNodeSegLib.network.model_file import load_model
from LymphNodeSegLib.nodes.separate import find_nodes
from LymphNodeSegLib.outputs.segmentation_files import read_segmentation
from LymphNodeSegLib.phantom import make_phantom
from PIL import Image as Picture
from PIL import ImageDraw
from scipy import ndimage

from .evaluate import held_out_case, preferred_dwi
from .phantoms import resampled

SIDE_MM, SIDE_PIXELS = 50.0, 200
TRUE_COLOR, FOUND_COLOR = (60, 220, 90), (255, 80, 60)
KINDS = ("missed", "false", "outline")
PLOT_PIXELS, MARGIN = 280, 36
BESIDE_SLICES, BESIDE_PIXELS = 5, 170


def draw_failures(model_name: str, seeds: Sequence[int], difficulty: str, out: Path) -> None:
    """A row a phantom: the largest missed node, the largest false find, the worst outline; T2 and DWI.

    Truth is outlined in green, what was found in red.

    Args:
        model_name: As `load_model` takes it; a file need not be listed.
        seeds: Phantoms that were never trained on.
        difficulty: Of the phantoms.
        out: PNG file.
    """
    model, rows = load_model(model_name, trust_unlisted=True), []
    for seed in seeds:
        case = held_out_case(seed, difficulty, "deformable")
        probability = segment_image(case.t2, case.dwi, case.known, model, pick_device(), adc=case.adc)
        found = find_nodes(probability, peak=model.peak)
        places = worst_places(found, case.truth.array)
        tiles = [
            _tile(image, found, case.truth.array, places.get(kind))
            for kind in KINDS
            for image in (case.t2, case.dwi)
        ]
        rows.append(np.hstack(tiles))
        print(f"{seed}: {places}", flush=True)
    Picture.fromarray(np.vstack(rows)).save(out, optimize=True)


def draw_finds(t2_path: Path, before: Path, after: Path, out: Path) -> None:
    """What two models found in one patient: for each place T2 with the outlines of either, and DWI.

    Outlines before are green, those after red; on the DWI, both.

    Args:
        t2_path: The T2 that both results were made from, a file or a DICOM series.
        before: Result folder of the one model.
        after: Result folder of the other.
        out: Picture file.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    t2 = read_image(t2_path, "T2")
    dwi = read_image(after / "dwi_registered.nrrd", "DWI")  # on the T2's grid
    old, new = (
        read_segmentation(folder / "segmentation.seg.nrrd", t2).labels.array for folder in (before, after)
    )
    nothing = np.zeros_like(old)
    places, count = ndimage.label((old > 0) | (new > 0), structure=np.ones((3, 3, 3)))
    rows = []
    for number in range(1, count + 1):
        mask = places == number
        k = int(mask.sum((1, 2)).argmax())
        place = (k, *(round(one) for one in ndimage.center_of_mass(mask[k])))
        shown = ((t2, nothing, old), (t2, new, nothing), (dwi, new, old))
        rows.append(np.hstack([_tile(image, red, green, place) for image, red, green in shown]))
    rows += [np.zeros_like(rows[0])] * (-len(rows) % 3)
    Picture.fromarray(np.vstack([np.hstack(rows[n : n + 3]) for n in range(0, len(rows), 3)])).save(out)
    print(f"{count} places, {len(np.unique(old)) - 1} finds before, {len(np.unique(new)) - 1} after")


def draw_beside(t2_path: Path, result: Path, seeds: Sequence[int], difficulty: str, out: Path) -> None:
    """A patient above varied phantoms: slices from below upwards, T2 over DWI, each in its own field of view.

    Args:
        t2_path: The patient's T2, a file or a DICOM series.
        result: Result folder of `segment` for it, for its DWI on that grid.
        seeds: Phantoms.
        difficulty: Of the phantoms.
        out: Picture file.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    pairs = [(read_image(t2_path, "T2"), read_image(result / "dwi_registered.nrrd", "DWI"))]
    for seed in seeds:
        phantom = make_phantom(seed, difficulty, "axial", varied=True)
        grid = phantom.t2.geometry
        dwi, known = resampled(preferred_dwi(phantom), grid, phantom.displacement_lps_mm)
        pairs.append((phantom.t2, phantom.t2.with_array(dwi * known)))
    rows = []
    for image in (one for pair in pairs for one in pair):
        low, high = np.percentile(image.array, (1.0, 99.5))
        gray = (255 * np.clip((image.array - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)
        shown = np.linspace(1, len(gray) - 2, BESIDE_SLICES).round().astype(int)
        small = [Picture.fromarray(gray[k]).resize((BESIDE_PIXELS, BESIDE_PIXELS)) for k in shown]
        rows.append(np.hstack([np.asarray(one) for one in small]))
    Picture.fromarray(np.vstack(rows)).save(out)


def worst_places(found: np.ndarray, truth: np.ndarray) -> dict[str, tuple[int, ...]]:
    """Index k, j, i of the failure of each kind, where there is one.

    Args:
        found: Label map [k, j, i].
        truth: The same.
    """
    sizes: dict[str, dict[int, float]] = {kind: {} for kind in KINDS}
    for label in np.unique(truth)[1:]:
        mask = truth == label
        inside = found[mask]
        if not inside.any():
            sizes["missed"][int(label)] = float(mask.sum())
        else:
            other = np.isin(found, np.unique(inside[inside > 0]))
            wrong = np.count_nonzero(mask ^ other)
            sizes["outline"][int(label)] = wrong / np.sqrt(np.count_nonzero(mask | other))
    for label in np.unique(found)[1:]:
        mask = found == label
        if not truth[mask].any():
            sizes["false"][int(label)] = float(mask.sum())
    places = {}
    for kind, candidates in sizes.items():
        if candidates:
            label = max(candidates, key=lambda one: candidates[one])
            mask = (found if kind == "false" else truth) == label
            k = int(mask.sum((1, 2)).argmax())
            middle = ndimage.center_of_mass(mask[k])
            places[kind] = (k, round(middle[0]), round(middle[1]))
    return places


def _tile(image: Image, found: np.ndarray, truth: np.ndarray, place: Any) -> np.ndarray:
    """A square about a place with both outlines; black where there is no failure."""
    if place is None:
        return np.zeros((SIDE_PIXELS, SIDE_PIXELS, 3), dtype=np.uint8)
    k, j, i = place
    steps_mm = (np.arange(SIDE_PIXELS) + 0.5) * SIDE_MM / SIDE_PIXELS - SIDE_MM / 2
    column_mm, row_mm, _ = image.geometry.spacing_mm
    at = np.meshgrid(j + steps_mm / row_mm, i + steps_mm / column_mm, indexing="ij")
    plane = ndimage.map_coordinates(
        np.asarray(image.array[k], dtype=np.float32), at, order=1, mode="constant"
    )
    low, high = np.percentile(image.array, (1.0, 99.5))
    gray = np.clip((plane - low) / max(high - low, 1e-6), 0, 1) ** 0.8
    tile = np.repeat((255 * gray).astype(np.uint8)[..., None], 3, axis=2)
    for labels, color in ((truth, TRUE_COLOR), (found, FOUND_COLOR)):
        share = ndimage.map_coordinates((labels[k] > 0).astype(np.float32), at, order=1, mode="constant")
        mask = share > 0.5
        tile[mask & ~ndimage.binary_erosion(mask)] = color
    return tile


def draw_reliability(card: dict[str, Any], out: Path) -> None:
    """The share of nodes among voxels of a probability, before and after scaling, as a PNG.

    Args:
        card: What the model file says of itself.
        out: PNG file.
    """
    side = PLOT_PIXELS + 2 * MARGIN
    picture = Picture.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(picture)

    def place(x: float, y: float) -> tuple[float, float]:
        return MARGIN + x * PLOT_PIXELS, side - MARGIN - y * PLOT_PIXELS

    draw.rectangle([place(0, 1), place(1, 0)], outline="gray")
    draw.line([place(0, 0), place(1, 1)], fill="lightgray")
    calibration = card.get("second_look", card)["calibration"]  # of what makes the result
    for row, (name, color) in enumerate((("before", "gray"), ("after", "firebrick"))):
        curve = calibration[name]
        points = [place(x, y) for x, y in zip(curve["mean_probability"], curve["share_of_nodes"])]
        draw.line(points, fill=color, width=2)
        words = f"{name} scaling: ECE {curve['expected_calibration_error']:.2f}"
        draw.text((MARGIN + 8, MARGIN + 8 + 14 * row), words, fill=color)
    draw.text((MARGIN, side - MARGIN + 8), "0", fill="black")
    draw.text((side - MARGIN - 6, side - MARGIN + 8), "1", fill="black")
    draw.text((MARGIN + 70, side - MARGIN + 8), "mean probability", fill="black")
    draw.text((MARGIN, 10), "share of lymph node voxels", fill="black")
    picture.save(out, optimize=True)
