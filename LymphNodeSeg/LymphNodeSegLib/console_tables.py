"""Tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from .images.choose import Choice
    from .images.pacs import FoundStudy
    from .images.series import Series
    from .nodes.followup import Comparison
    from .nodes.node import Node


def print_nodes(nodes: Sequence[Node]) -> None:
    """The measured nodes, one a line, and their count by size class."""
    if not nodes:
        print("No lymph node found.")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("node")
    for name in ("short mm", "long mm", "axial short", "volume mm3", "mean ADC", "confidence"):
        table.add_column(name, justify="right")
    table.add_column("size class")
    for node in nodes:
        table.add_row(
            node.id,
            number(node.short_axis_mm, 1),
            number(node.long_axis_mm, 1),
            number(node.axial_short_axis_mm, 1),
            number(node.volume_mm3, 0),
            number(node.mean_adc_um2_s, 0),
            number(node.confidence, 2),
            node.size_class,
        )
    Console().print(table)
    classes = [node.size_class for node in nodes if node.size_class]
    counts = ", ".join(f"{classes.count(name)} {name}" for name in dict.fromkeys(classes))
    print(f"{len(nodes)} lymph node{'s' if len(nodes) > 1 else ''}" + (f": {counts}" if counts else ""))


def print_studies(studies: Sequence[FoundStudy]) -> None:
    """The studies that a server has, one a line; no table, which would cut the UIDs on a narrow terminal."""
    if not studies:
        print("No study found.")
    for study in studies:
        counts = f"{number(study.series, 0)} series, {number(study.instances, 0)} files"
        modalities = ",".join(study.modalities)
        print("  ".join((study.study_uid, study.date or "-", modalities, counts, study.description)))


def print_comparison(comparison: Comparison) -> None:
    """Each node then and now, and the category suggested from them."""
    table = Table(box=None, pad_edge=False)
    for name in ("change", "prior", "current"):
        table.add_column(name)
    for name in ("short mm then", "short mm now", "volume change %"):
        table.add_column(name, justify="right")
    for change in comparison.matched:
        then, now = change.prior, change.current
        table.add_row(
            _in_short(change.verdict, change.reason),
            then.id,
            now.id,
            number(then.short_axis_mm, 1),
            number(now.short_axis_mm, 1),
            number(change.volume_change_percent, 0),
        )
    for status, reason, node in comparison.only_now:
        table.add_row(_in_short(status, reason), "", node.id, "", number(node.short_axis_mm, 1), "")
    for status, reason, node in comparison.only_then:
        table.add_row(_in_short(status, reason), node.id, "", number(node.short_axis_mm, 1), "", "")
    Console().print(table)
    print(f"RECIST 1.1 for nodes, suggested: {comparison.recist}. {comparison.recist_reason}")
    print("\n".join(comparison.notes))


def _in_short(verdict: str, reason: str) -> str:
    """A verdict and what its reason says first; the page and the files have all of it."""
    from .nodes.change import in_short

    return f"{verdict}: {in_short(reason)}" if reason else verdict


def print_series(series: Sequence[Series], choice: Optional[Choice]) -> None:
    """The series of a study; those that would be used are marked."""
    used = (choice.t2, choice.dwi, choice.adc) if choice else ()
    table = Table(box=None, pad_edge=False)
    for name in ("used", "what", "plane", "b-values", "files", "description", "problem"):
        table.add_column(name, overflow="fold")  # names often differ at their end only
    for one in series:
        table.add_row(
            "*" if any(one is series for series in used) else "",
            one.kind,
            one.plane,
            " ".join(f"{b:.0f}" for b in one.b_values),
            str(one.files),
            one.description,
            one.problem or "",
        )
    Console(markup=False).print(table)
    if choice:
        print("\n".join(choice.reasons))


def print_evaluation(result: Mapping[str, Any]) -> None:
    """The figures of a comparison, nested ones indented."""
    for name, value in result.items():
        if isinstance(value, Mapping):
            print(f"{name}:")
            for key, inner in value.items():
                print(f"  {key}: {number(inner, 3) if isinstance(inner, float) else inner}")
        else:
            print(f"{name}: {number(value, 3) if isinstance(value, float) else value}")


def number(value: Optional[float], digits: int) -> str:
    """A figure with so many digits behind the point, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"
