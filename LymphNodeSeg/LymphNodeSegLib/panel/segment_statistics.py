"""Short and long axis in Slicer's own module Segment Statistics."""

from __future__ import annotations

from typing import Any, Optional

import slicer
from SegmentStatisticsPlugins import SegmentStatisticsPluginBase
from slicer.i18n import tr as _

from ..outputs import codes
from ..scene.segment_axes import measured_segment

SHORT, LONG, AXIAL_SHORT = "short_axis_mm", "long_axis_mm", "axial_short_axis_mm"


class LymphNodeAxesStatisticsPlugin(SegmentStatisticsPluginBase):
    """Short and long axis of each segment by RECIST 1.1, as the panel measures them."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "Lymph node axes"
        self.title = _("Lymph node axes")
        self.keys = [SHORT, LONG, AXIAL_SHORT]
        self.defaultKeys = list(self.keys)

    def computeStatistics(self, segmentID: str) -> dict[str, float]:
        """The requested axes of a segment, in millimeters; those that can't be measured are left out."""
        keys = self.getRequestedKeys()
        if not keys:
            return {}
        segmentation = slicer.mrmlScene.GetNodeByID(self.getParameterNode().GetParameter("Segmentation"))
        node = measured_segment(segmentation, segmentID)
        values = {key: getattr(node, key, None) for key in keys}
        return {key: value for key, value in values.items() if value is not None}

    def getMeasurementInfo(self, key: str) -> Optional[dict[str, Any]]:
        """Name, description, unit and DICOM codes of a measurement."""
        if key not in self.keys:
            return None
        name, title, description, code = {
            SHORT: (
                "Short axis mm",
                _("Short axis"),
                _("Longest diameter perpendicular to the long axis, in the same slice (RECIST 1.1)."),
                codes.SHORT_AXIS,
            ),
            LONG: (
                "Long axis mm",
                _("Long axis"),
                _("Longest diameter of the segment in a slice of the segmentation (RECIST 1.1)."),
                codes.LONG_AXIS,
            ),
            AXIAL_SHORT: (
                "Axial short axis mm",
                _("Axial short axis"),
                _("Short axis in the true axial plane of the patient, whatever plane was acquired."),
                codes.SHORT_AXIS,
            ),
        }[key]
        return self.createMeasurementInfo(
            name=name,
            title=title,
            description=description,
            units=_("mm"),
            quantityDicomCode=self.createCodedEntry(code.value, code.scheme, code.meaning, True),
            unitsDicomCode=self.createCodedEntry("mm", "UCUM", "millimeter", True),
        )


def register() -> None:
    """Make the axes appear in Segment Statistics; again, after a reload of our module, does nothing."""
    from SegmentStatistics import SegmentStatisticsLogic

    registered = {plugin.__name__ for plugin in SegmentStatisticsLogic.registeredPlugins}
    if LymphNodeAxesStatisticsPlugin.__name__ not in registered:
        SegmentStatisticsLogic.registerPlugin(LymphNodeAxesStatisticsPlugin())
