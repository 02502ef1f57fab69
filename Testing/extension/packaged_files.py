"""What belongs into LymphNodeSeg/CMakeLists.txt: every file of the module that git tracks, but for its tests.

Run it to bring the lists up to date::

    python Testing/extension/packaged_files.py
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = REPOSITORY / "LymphNodeSeg"
LISTS = MODULE / "CMakeLists.txt"
SCRIPTS, RESOURCES = "MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"
# Needed to build or to test the module, not to run it.
NOT_PACKAGED = re.compile(r"^(Testing/.*|CMakeLists\.txt|.*/\.git(keep|ignore))$")


def tracked() -> list[str]:
    """The module's files that are to be packaged, as paths below its folder, sorted."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=MODULE, capture_output=True, text=True, check=True)
    return sorted(name for name in done.stdout.split("\0") if name and not NOT_PACKAGED.match(name))


def listed(variable: str) -> list[str]:
    """The files that a list of the CMake file names."""
    return _block(variable).search(LISTS.read_text(encoding="utf-8")).group(2).split()


def update() -> None:
    """Write both lists anew."""
    text = LISTS.read_text(encoding="utf-8")
    names = tracked()
    scripts = [name for name in names if name.endswith(".py")]
    for variable, files in ((SCRIPTS, scripts), (RESOURCES, [name for name in names if name not in scripts])):
        lines = "".join(f"  {name}\n" for name in files)
        text = _block(variable).sub(lambda match, lines=lines: f"{match.group(1)}\n{lines}  )", text)
    LISTS.write_text(text, encoding="utf-8")


def _block(variable: str) -> re.Pattern[str]:
    return re.compile(rf"(set\({variable})\s+(.*?)\)", re.DOTALL)


if __name__ == "__main__":
    update()
