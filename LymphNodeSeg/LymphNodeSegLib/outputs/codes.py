"""The codes that our DICOM files use, from SNOMED CT and DICOM (see the clinical conventions)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

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
PELVIC_LYMPH_NODE = Code("54268001", "SCT", "pelvic lymph node")
TISSUE = Code("85756007", "SCT", "Tissue")
RIGHT = Code("24028007", "SCT", "Right")
LEFT = Code("7771000", "SCT", "Left")
SHORT_AXIS = Code("103340004", "SCT", "Short axis")
LONG_AXIS = Code("103339001", "SCT", "Long axis")
VOLUME = Code("118565006", "SCT", "Volume")
ADC = Code("113041", "DCM", "Apparent Diffusion Coefficient")
MEAN = Code("373098007", "SCT", "Mean")
MM = Code("mm", "UCUM", "mm")
MM3 = Code("mm3", "UCUM", "mm3")
UM2_PER_S = Code("um2/s", "UCUM", "um2/s")

# CID 7600. It has no generic code for common iliac; 127939003 "para-aortic" is mediastinal.
_STATIONS = {
    "common iliac": Code("84219008", "SCT", "iliac lymph node"),
    "external iliac": Code("65349008", "SCT", "external iliac lymph node"),
    "internal iliac": Code("69255009", "SCT", "hypogastric lymph node"),
    "obturator": Code("36086000", "SCT", "obturator lymph node"),
    "presacral": Code("79926007", "SCT", "sacral lymph node"),
    "parametrial": Code("3243006", "SCT", "parametrial lymph node"),
    "paracervical": Code("5394000", "SCT", "uterine paracervical lymph node"),
    "mesorectal": Code("21875007", "SCT", "pararectal lymph node"),
    "inguinal": Code("8928004", "SCT", "inguinal lymph node"),
    "para-aortic": Code("35783009", "SCT", "aortic lymph node"),
}


def station(name: str) -> Code:
    """The code of a node's station (see nodes.stations); that of pelvic lymph nodes where none is known."""
    return _STATIONS.get(name, PELVIC_LYMPH_NODE)


def laterality(side: str) -> Optional[Code]:
    """The code of a side, "left" or "right"; None for any other text."""
    return {"left": LEFT, "right": RIGHT}.get(side.lower())
