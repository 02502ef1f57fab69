"""The result as files, and into Slicer's DICOM database."""

from __future__ import annotations

from typing import Any, Optional

from ..scene.result import ResultNodes
from .section import Services, fill


class ExportSection:
    """See `section.Section`."""

    def __init__(self, container: Any, services: Services) -> None:
        self._ui = fill(container, services, "ExportSection.ui")

    def show(self, result: Optional[ResultNodes]) -> None:
        """See `section.Section`."""

    def close(self) -> None:
        """See `section.Section`."""
