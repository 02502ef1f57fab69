"""Follow-up: two result folders of one patient compared, as files."""

from __future__ import annotations

import csv
import json
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from . import NOTICE
from .errors import InputError
from .progress import Progress
from .result_folder import DWI, SCENE, SEGMENTATION, ResultFolder

if TYPE_CHECKING:
    from .images.image import Image
    from .nodes.followup import Comparison
    from .outputs.segmentation import Segmentation

T2_IN_SCENE = "T2.nrrd"


@dataclass(frozen=True)
class EarlierResult:
    """What a comparison needs of a result folder; the segmentation may have been corrected since its run.

    Attributes:
        t2: T2-weighted image.
        segmentation: Its nodes.
        dwi: The registered DWI, on the T2's grid, if the folder holds it.
    """

    t2: Image
    segmentation: Segmentation
    dwi: Optional[Image] = None


def compare(
    prior: Path,
    current: Path,
    out: Path,
    progress: Progress,
    prior_segmentation: Optional[Path] = None,
    current_segmentation: Optional[Path] = None,
) -> Comparison:
    """Compare two studies of one patient.

    Writes ``comparison.json``, ``comparison.csv`` and ``comparison.html``.

    Args:
        prior: Result folder of the earlier study; or its T2, if its segmentation is given.
        current: The same of the later one.
        out: Folder for the comparison.
        progress: Told of each stage.
        prior_segmentation: Anything that `read_segmentation` takes, such as an RTSTRUCT that came back from
            another program, in place of the folder's own.
        current_segmentation: The same for the later study.

    Raises:
        InputError: a folder is no result of `segment` and has no segmentation either, the studies do not
            overlap, or ``out`` can't be written to.
        Cancelled: the user asked to stop.
    """
    from .nodes.followup import compare_studies, comparison_as_dict
    from .outputs.report.comparison_page import rows_of, write_comparison_page

    with ResultFolder(out) as folder:
        progress.stage("Reading results")
        then, now = read_result(prior, prior_segmentation), read_result(current, current_segmentation)
        progress.stage("Comparing studies")
        comparison = compare_studies(
            then.t2,
            then.segmentation.labels,
            now.t2,
            now.segmentation.labels,
            progress,
            prior_ids=then.segmentation.ids,
            current_ids=now.segmentation.ids,
            prior_dwi=then.dwi,
            current_dwi=now.dwi,
        )
        created = datetime.now(timezone.utc).isoformat(timespec="seconds")
        values = {"created": created, "notice": NOTICE, **comparison_as_dict(comparison)}
        text = json.dumps(values, indent=1, allow_nan=False)
        (folder.staging / "comparison.json").write_text(text, encoding="utf-8")
        _write_table(folder.staging / "comparison.csv", rows_of(comparison)["nodes"])
        write_comparison_page(folder.staging / "comparison.html", comparison, then.t2, now.t2, created)
        folder.publish()
    return comparison


def read_result(folder: Path, segmentation: Optional[Path] = None) -> EarlierResult:
    """The images and the segmentation of a result folder, or the segmentation that is named.

    Args:
        folder: A result folder; with a segmentation also a T2, as `read_image` takes it.
        segmentation: What is taken in place of the folder's own.

    Raises:
        InputError: the folder is no result of `segment`, and there is no segmentation.
    """
    from .images.files import read_image
    from .outputs.segmentation_files import read_segmentation

    if not (folder / SCENE).is_file() or not (folder / SEGMENTATION).is_file():
        if segmentation is None:
            raise InputError(
                f"{folder} is no result folder: give the --out of a run of segment (for a study, run segment "
                "first), or a T2 with its --prior-segmentation or --current-segmentation."
            )
        t2 = read_image(folder, "T2")
        return EarlierResult(t2, read_segmentation(segmentation, t2))
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with zipfile.ZipFile(folder / SCENE) as scene:
                name = next(one for one in scene.namelist() if one.endswith(f"/{T2_IN_SCENE}"))
                (Path(scratch) / T2_IN_SCENE).write_bytes(scene.read(name))
        except (StopIteration, zipfile.BadZipFile):
            raise InputError(f"{folder / SCENE} is damaged or holds no T2: run segment again.") from None
        t2 = read_image(Path(scratch) / T2_IN_SCENE, "T2")
    dwi = read_image(folder / DWI, "DWI") if (folder / DWI).is_file() else None
    if dwi is not None and not dwi.geometry.is_close(t2.geometry, 0.01):
        dwi = None  # left by another run
    return EarlierResult(t2, read_segmentation(segmentation or folder / SEGMENTATION, t2), dwi)


def _write_table(path: Path, rows: list[dict[str, object]]) -> None:
    names = list(rows[0]) if rows else ["status"]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(rows)
