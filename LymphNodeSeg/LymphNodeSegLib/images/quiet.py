"""pydicom without its remarks on what it reads."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Read without pydicom's warnings: they cite values, which may tell the patient's, and help no user.

    Values are not validated either; those that are used are checked where they are used.
    """
    from pydicom.config import disable_value_validation

    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        yield
