"""Training is a folder of the repository, not an installed package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

for package in ("lightning", "monai", "yaml"):
    pytest.importorskip(package, reason=f"training needs {package}: see Training/README.md")
