"""What the result was made from and with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...images.image import Image
from ..run_record import versions
from .markup import definitions, items, joined

if TYPE_CHECKING:
    from .page import ReportInput


def provenance(report: ReportInput) -> str:
    """Images, model, settings, times and versions, as HTML."""
    images = (("T2", report.t2), ("DWI", report.registration.dwi), ("ADC", report.registration.adc))
    card = {key: value for key, value in report.model_card.items() if key not in ("name", "notice")}
    blocks = (
        (
            "Images",
            definitions((name, _described(image)) for name, image in images if image is not None)
            + items(report.choices, "plain"),
        ),
        ("Model", definitions([("name", report.model_name), ("sha256", report.model_sha256), *card.items()])),
        ("Settings", definitions((key.replace("_", " "), value) for key, value in _settings(report).items())),
        ("Time", definitions((stage, f"{value:.1f} s") for stage, value in report.seconds.items())),
        ("Software", definitions([*versions().items(), ("device", report.device)])),
    )
    drawn = "".join(f"<div><h3>{title}</h3>{content}</div>" for title, content in blocks if content)
    return f'<div class="columns">{drawn}</div>'


def _settings(report: ReportInput) -> dict[str, object]:
    """The settings without the model, which may be a path and stands elsewhere."""
    return {key: value for key, value in report.settings.as_dict().items() if key != "model"}


def _described(image: Image) -> str:
    acquisition = image.acquisition
    b_value = acquisition.b_value_s_mm2
    columns, rows, slices = image.geometry.size_ijk
    across, down, between = image.geometry.spacing_mm
    parts = [
        acquisition.description,
        f"b {b_value:g} s/mm²" if b_value is not None else "",
        f"{image.geometry.plane}, {columns} × {rows} × {slices} voxels",
        f"{across:.3g} × {down:.3g} × {between:.3g} mm",
        f"series {acquisition.series_uid}" if acquisition.series_uid else "",
    ]
    return joined(parts, ", ")
