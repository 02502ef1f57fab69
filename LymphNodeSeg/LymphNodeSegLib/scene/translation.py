"""Sentences for the user, in the user's language where Slicer has a translation."""

from __future__ import annotations

try:
    from slicer.i18n import tr
except ImportError:  # slicer-core has none

    def tr(text: str) -> str:
        """The sentence as it stands."""
        return text


__all__ = ["tr"]
