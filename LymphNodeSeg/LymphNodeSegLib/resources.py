"""Where the files that belong to the package lie: models, icons, terminologies."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def resource_path(relative: str) -> Path:
    """Path of a file or folder below ``Resources``, whether it exists or not.

    An installed wheel holds ``Resources`` inside the package; Slicer and the source tree beside it.

    Args:
        relative: Path below ``Resources``, with forward slashes ("Models/models.json").
    """
    inside = PACKAGE / "Resources"
    return (inside if inside.is_dir() else PACKAGE.parent / "Resources") / relative
