"""What was found, and how well the DWI fits the T2."""

from __future__ import annotations

from typing import Any, Optional

from ..scene.result import ResultNodes
from ..scene.run_facts import facts_of
from . import texts
from .section import Services, fill


class ResultSection:
    """See `section.Section`."""

    def __init__(self, container: Any, services: Services) -> None:
        self._ui = fill(container, services, "ResultSection.ui")

    def show(self, result: Optional[ResultNodes]) -> None:
        """See `section.Section`."""
        facts = facts_of(result.segmentation) if result else None
        self._ui.summaryLabel.setText(texts.summary(facts, _size_classes(result)) if facts else "")

    def close(self) -> None:
        """See `section.Section`."""


def _size_classes(result: ResultNodes) -> list[str]:
    column = result.table.GetTable().GetColumnByName("Size class")
    return [column.GetValue(row) for row in range(column.GetNumberOfValues())]
