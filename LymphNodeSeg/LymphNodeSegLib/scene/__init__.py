"""MRML nodes, on Slicer and on slicer-core alike; no Qt."""

from .result_files import write_scene_files

__all__ = ["write_scene_files"]
