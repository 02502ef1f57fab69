"""The folder a run writes into: its files appear all at once or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Optional

from .errors import InputError

SEGMENTATION = "segmentation.seg.nrrd"
SCENE = "scene.mrb"
RECORD = "run.json"
DWI = "dwi_registered.nrrd"
RESULT_FILES = (
    SEGMENTATION,
    "measurements.csv",
    "measurements.json",
    DWI,
    "registration.tfm",
    "probability.nrrd",
    "fused.nrrd",
    "report.html",
    SCENE,
    RECORD,
    "rtstruct.dcm",
    "seg.dcm",
    "comparison.json",
    "comparison.csv",
    "comparison.html",
)
FULL = (errno.ENOSPC, errno.EDQUOT)


class ResultFolder:
    """Collects a run's files beside or in the target and moves them in when the run succeeded.

    Use as a context manager: write into `staging`, then call `publish`. Leaving without publishing
    removes the staging folder and every parent folder that was made for it. What the target holds of the
    names written is replaced, as is what an earlier run left; all else in it stays.

    Args:
        target: The folder the user named. It need not exist.
        outdated: Files in the target that go even where none of their name is written: what an earlier run
            left. Among them a segmentation that was edited since its run is refused.

    Raises:
        InputError: the folder cannot be written to, or holds a segmentation edited since its run.
    """

    def __init__(self, target: Path, outdated: Sequence[str] = ()) -> None:
        self.target = target.absolute()
        self._outdated = outdated
        self._made_parents: list[Path] = []
        self._published = False

    def __enter__(self) -> ResultFolder:
        if self.target.exists() and not self.target.is_dir():
            raise InputError(f"--out {self.target} is a file: name a folder.")
        if SEGMENTATION in self._outdated:
            refuse_edited(self.target)
        try:
            self._make_parents()
            # Within a target that exists: it may be a mount point, and the folder above it somebody else's.
            beside = self.target if self.target.exists() else self.target.parent
            self.staging = Path(tempfile.mkdtemp(prefix=".lymphnodeseg-", dir=beside))
        except OSError as error:
            self._remove_made_parents()
            raise InputError(
                f"The output folder {self.target} can't be written to "
                f"({error.strerror or 'permission denied'}): choose another."
            ) from None
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        if not self._published:
            self._remove_made_parents()
        if isinstance(error, OSError) and error.errno in FULL:
            raise InputError(
                f"The disk of {self.target} is full: free some space, or choose another folder."
            ) from None

    def publish(self) -> None:
        """Move the collected files to the target; on any failure the target is as it was."""
        try:
            if self.target.exists():
                self._replace()
            else:
                self.staging.chmod(0o777 & ~_umask())
                self.staging.rename(self.target)
        except OSError as error:
            raise InputError(
                f"The results could not be moved to {self.target} ({error.strerror}): choose another folder."
            ) from None
        self._published = True

    def _replace(self) -> None:
        """Swap what is there for what is new, keeping the old until every new one is in place."""
        old = self.staging / ".old"
        old.mkdir()
        new = [path for path in self.staging.iterdir() if path != old]
        moved_out: list[Path] = []
        moved_in: list[Path] = []
        try:
            for name in {*self._outdated, *(path.name for path in new)}:
                if os.path.lexists(self.target / name):
                    (self.target / name).rename(old / name)
                    moved_out.append(old / name)
            for path in new:
                moved_in.append(path.rename(self.target / path.name))
        except OSError:
            for path in moved_in:
                path.rename(self.staging / path.name)
            for path in moved_out:
                path.rename(self.target / path.name)
            raise

    def _make_parents(self) -> None:
        missing = [p for p in self.target.parents if not p.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            self._made_parents.append(parent)

    def _remove_made_parents(self) -> None:
        for parent in reversed(self._made_parents):
            try:
                parent.rmdir()
            except OSError:  # somebody else put something there meanwhile
                return


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def refuse_edited(target: Path) -> None:
    """Refuse to write over a segmentation that was corrected by hand after its run.

    Raises:
        InputError: the segmentation in the folder is not the one its run.json names.
    """
    segmentation, record = target / SEGMENTATION, target / RECORD
    if not (segmentation.is_file() and record.is_file()):
        return
    try:
        expected = json.loads(record.read_text(encoding="utf-8"))["outputs"][SEGMENTATION]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if sha256_of(segmentation) != expected:
        raise InputError(
            f"{SEGMENTATION} in {target} was edited after its run and would be lost: choose another --out."
        )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
