"""What becomes of earlier results when the same T2 is run once more."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from .node_list import is_corrected
from .result import ResultNodes, removal_steps, results_in

if TYPE_CHECKING:
    import slicer


def removal_of_superseded_steps(
    scene: slicer.vtkMRMLScene, result: ResultNodes
) -> Generator[None, None, int]:
    """Take earlier results of the same T2 out of a scene, but for those that hold a reader's work, in steps.

    Where none is kept, the new result takes over the names of the removed one.

    Args:
        scene: The scene.
        result: The new result.

    Returns:
        How many earlier results were kept, because they were edited, reviewed or given sides or stations.
    """
    earlier = [
        other
        for other in results_in(scene)
        if other.t2 is result.t2 and other.segmentation is not result.segmentation
    ]
    kept = 0
    for other in earlier:
        corrected = is_corrected(other)
        yield
        if corrected:
            kept += 1
            continue
        names = {name: node.GetName() for name, node in vars(other).items() if hasattr(node, "GetName")}
        yield from removal_steps(scene, other)
        for name in set(names) - {"t2", "dwi_before"}:
            node = getattr(result, name)
            if node is not None:
                node.SetName(names[name])
    return kept
