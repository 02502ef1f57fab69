"""MRML nodes, on Slicer and on slicer-core alike; no Qt."""
