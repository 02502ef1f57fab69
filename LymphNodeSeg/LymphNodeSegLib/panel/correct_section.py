"""Editing, adding, splitting, merging and deleting nodes."""

from __future__ import annotations

from typing import Any, Optional

from ..scene.result import ResultNodes
from .section import Services, fill


class CorrectSection:
    """See `section.Section`."""

    def __init__(self, container: Any, services: Services) -> None:
        self._ui = fill(container, services, "CorrectSection.ui")

    def show(self, result: Optional[ResultNodes]) -> None:
        """See `section.Section`."""

    def close(self) -> None:
        """See `section.Section`."""
