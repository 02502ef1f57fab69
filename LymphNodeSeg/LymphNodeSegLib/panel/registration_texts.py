"""How well DWI and T2 agree, in words; no Qt."""

from __future__ import annotations

from slicer.i18n import tr as _

from ..registration.result import Verdict


def registration_lines(verdict: Verdict) -> list[str]:
    """What there is to say of a registration as a whole, for the user."""
    lines = [
        _("Similarity {before:.3f} before, {after:.3f} after (1: none; higher is better).").format(
            before=verdict.similarity_before, after=verdict.similarity_after
        )
    ]
    if verdict.edge_overlap_before or verdict.edge_overlap_after:
        lines.append(
            _("Edges that meet: {before:.0%} before, {after:.0%} after.").format(
                before=verdict.edge_overlap_before, after=verdict.edge_overlap_after
            )
        )
    if verdict.method != "none":
        folding = _("no folding") if verdict.smallest_jacobian > 0 else _("with folding: do not trust it")
        lines.append(
            _("Moved by up to {largest:.1f} mm; {folding}.").format(
                largest=verdict.largest_displacement_mm, folding=folding
            )
        )
    return lines


def region_lines(verdict: Verdict) -> list[str]:
    """The same for parts of the body, one line each; empty where nobody looked."""
    return [
        f"{name}: " + ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in figures.items())
        for name, figures in verdict.regions.items()
    ]
