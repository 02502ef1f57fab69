"""Values as strict JSON: what every parser reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def strict_json(value: Any) -> str:
    """Indented JSON (RFC 8259) of nested mappings, sequences and plain values, with a final newline.

    Not-a-number and infinity, which JSON does not know, become null; numpy values become plain ones; bytes of
    a file name that are no characters become question marks.

    Raises:
        TypeError: something in it has no JSON form.
    """
    return json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Nested mappings and sequences with every value as strict JSON wants it; see `strict_json`."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return value
