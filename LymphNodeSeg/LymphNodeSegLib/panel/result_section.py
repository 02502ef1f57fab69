"""What was found, and how well the DWI fits the T2."""

from __future__ import annotations

from typing import Any, Optional

import slicer
from slicer.i18n import tr as _

from ..scene.result import ResultNodes
from ..scene.run_facts import facts_of
from ..scene.views import foreground, set_layers
from . import texts
from .registration_texts import region_lines, registration_lines
from .section import Services, fill, say


class ResultSection:
    """See `section.Section`."""

    def __init__(self, container: Any, services: Services) -> None:
        self._ui = fill(container, services, "ResultSection.ui")
        self._result: Optional[ResultNodes] = None
        self._model = services.nodes
        self._quiet = False
        self._ui.fadeSlider.valueChanged.connect(self._on_fade)
        self._ui.beforeRadioButton.toggled.connect(self._on_before)
        self._model.follow(self._fill)

    def show(self, result: Optional[ResultNodes]) -> None:
        """See `section.Section`."""
        self._result = result
        before = result.dwi_before if result else None
        after = result.dwi if result else None
        self._ui.fadeSlider.setEnabled(after is not None)
        for button in (self._ui.beforeRadioButton, self._ui.afterRadioButton):
            button.setEnabled(before is not None and after is not None)
        self._follow_views()
        self._fill()

    def close(self) -> None:
        """See `section.Section`."""
        self._result = None

    def _follow_views(self) -> None:
        """Show what the views show already: a scene may have been opened."""
        shown, opacity = foreground(slicer.mrmlScene)
        before = self._result.dwi_before if self._result else None
        ours = {node.GetID() for node in (self._dwi(True), self._dwi(False)) if node is not None}
        self._quiet = True
        self._ui.beforeRadioButton.setChecked(before is not None and shown == before.GetID())
        self._ui.afterRadioButton.setChecked(before is None or shown != before.GetID())
        self._ui.fadeSlider.setValue(round(100 * opacity) if shown in ours else 0)
        self._quiet = False

    def _fill(self) -> None:
        facts = facts_of(self._result.segmentation) if self._result else None
        say(self._ui.summaryLabel, texts.summary(facts, not self._model.rows()) if facts else "")
        lines = registration_lines(facts.verdict) if facts else []
        say(self._ui.registrationLabel, "\n".join(lines))
        parts = region_lines(facts.verdict) if facts else []
        general = _("How well DWI and T2 agree, before and after the registration.")
        self._ui.registrationLabel.setToolTip("\n".join([general, *parts]))

    def _dwi(self, before: bool) -> Optional[slicer.vtkMRMLScalarVolumeNode]:
        if self._result is None:
            return None
        return self._result.dwi_before if before else self._result.dwi

    def _on_fade(self, percent: int) -> None:
        if self._quiet:
            return
        self._put(bool(self._ui.beforeRadioButton.isChecked()), percent / 100.0)

    def _on_before(self, before: bool) -> None:
        if not self._quiet:
            self._put(bool(before), float(self._ui.fadeSlider.property("value")) / 100.0)

    def _put(self, before: bool, opacity: float) -> None:
        """Lay one of the two DWIs over the T2."""
        dwi = self._dwi(before)
        if self._result is not None and dwi is not None:
            set_layers(slicer.mrmlScene, self._result.t2.GetID(), dwi.GetID(), opacity)
