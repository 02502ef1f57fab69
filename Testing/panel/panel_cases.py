"""What the panel's tests run on: small volumes, and worker programs that go wrong where they are told to."""

from __future__ import annotations

from typing import Any

import numpy as np
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.scene.volumes import fill_volume

GEOMETRY = Geometry((48, 44, 8), (-30.0, 12.0, 5.0), (1.0, 1.0, 4.0))
STAGES = (
    "Reading images",
    "Registering DWI to T2",
    "Finding lymph nodes",
    "Separating and measuring",
    "Writing results",
)


def texture(seed: int) -> np.ndarray:
    """A smooth random image with a body in air, so that a registration has something to hold on to."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(8, 44, 48)), (0.7, 2.0, 2.0))
    body = np.hypot(*np.mgrid[-1:1:44j, -1:1:48j]) < 0.8
    return ((noise / noise.std() * 90.0 + 400.0).clip(1) * body).astype(np.int16)


def add(scene: Any, name: str, seed: int) -> Any:
    """Put a small volume into a scene."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    fill_volume(node, Image(texture(seed), GEOMETRY))
    return node


def section(panel: Any, name: str) -> Any:
    """A section of the panel by the beginning of its container's name."""
    return next(one for container, one in panel._sections if container.objectName().startswith(name))


def idle(panel: Any) -> bool:
    """Whether no run is on."""
    return not panel.runner.running


def check_idle(panel: Any, text: str) -> None:
    """The run is over, and this was said."""
    ui = panel._ui
    assert text in ui.messageLabel.text()
    assert ui.applyButton.text() == "&Apply"
    assert ui.applyButton.isEnabled()
    assert ui.progressBar.isHidden()


# The real worker, which tells, listens and writes as ever; only the computation is played.
_PLAYED = """
import sys; sys.path.insert(0, sys.argv[1])
import os, time
from types import SimpleNamespace
import numpy as np
from LymphNodeSegLib import worker
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.nodes.node import Diameter, Node, NodeMask
from LymphNodeSegLib.registration.result import Verdict

def node(index, t2):
    start = (4 + 8 * (index % 40), 4 + 8 * (index // 40), len(t2.array) // 2 - 1)
    mask = NodeMask(np.ones((2, 4, 4), bool), start, t2.geometry)
    line = Diameter(8.0 + index, (0.0, 0.0, 0.0), (8.0 + index, 0.0, 0.0))
    return Node(f"LN{{index + 1:03d}}", index + 1, mask, 32.0, line, line, line, line, None, None,
                (0.0, 0.0, 0.0), 0.8, size_class="normal")

def play(request, lines):
    for stage in worker.SHARES:
        lines.stage(stage)
        for step in range(4):
            lines.fraction(step / 4)
            time.sleep({pace})
        if stage == {stage!r}:
            {event}
    t2 = request.t2
    nodes = tuple(node(index, t2) for index in range({nodes}))
    labels = np.zeros(t2.array.shape, np.uint16)
    for one in nodes:
        i, j, k = one.mask.start_ijk
        labels[k : k + 2, j : j + 4, i : i + 4] = one.label
    volume = t2.with_array(t2.array.astype(np.float32))
    found = SimpleNamespace(
        dwi=volume, adc=None, verdict=Verdict("kept", "DWI and T2 fit as they are.", "none", 1.1, 1.1)
    )
    return SimpleNamespace(
        labels=t2.with_array(labels), probability=volume, registration=found, nodes=nodes,
        model=SimpleNamespace(name="played", sha256="", card={{}}), device="cpu", warnings=(),
        seconds=dict(worker.SHARES),
    )

worker._compute = play
worker._warm_up = lambda: ["cpu"]
sys.exit(worker.main())
"""


def played(stage: str = "", event: str = "pass", nodes: int = 2, pace_s: float = 0.0) -> str:
    """A worker program whose run does something at the end of a stage."""
    return _PLAYED.format(stage=stage, event=event, nodes=nodes, pace=pace_s)
