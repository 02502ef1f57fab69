"""The codes that our DICOM files use, from SNOMED CT and DICOM (see the clinical conventions)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True)
class Code:
    """A coded concept: value, coding scheme, meaning."""

    value: str
    scheme: str
    meaning: str

    def dataset(self) -> Dataset:
        """The code as an item of a code sequence (PS3.3 8.8)."""
        from pydicom import Dataset

        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = self.value, self.scheme, self.meaning
        return item

    def concept(self) -> Any:
        """The code as highdicom wants it."""
        from highdicom.sr import CodedConcept

        return CodedConcept(self.value, self.scheme, self.meaning)


LYMPH_NODE = Code("59441001", "SCT", "Lymph node")
PELVIC_LYMPH_NODE = Code("54268001", "SCT", "Pelvic lymph node")
TISSUE = Code("85756007", "SCT", "Tissue")
ANATOMICAL_STRUCTURE = Code("123037004", "SCT", "Anatomical Structure")
RIGHT = Code("24028007", "SCT", "Right")
LEFT = Code("7771000", "SCT", "Left")
