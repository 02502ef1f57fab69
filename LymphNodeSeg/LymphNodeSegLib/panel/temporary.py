"""Folders for images on their way to another process."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "lymphnodeseg-"
LEFT_BEHIND_AFTER_S = 24 * 3600.0


def new_folder() -> Path:
    """An empty folder that only this user can read; who asks for it removes it.

    Folders that a crash of the whole computer left behind, with a patient's images in them, are removed.

    Raises:
        OSError: there is no place for it.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if time.time() - left.stat().st_mtime > LEFT_BEHIND_AFTER_S:
                shutil.rmtree(left)
        except OSError:  # another user's, or gone meanwhile
            continue
    return Path(tempfile.mkdtemp(prefix=PREFIX))
