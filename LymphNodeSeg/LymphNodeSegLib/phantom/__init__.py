"""A synthetic pelvis with known lymph nodes."""

from .files import write_dicom, write_nrrd
from .pelvis import Phantom, TrueNode, make_phantom

__all__ = ["Phantom", "TrueNode", "make_phantom", "write_dicom", "write_nrrd"]
