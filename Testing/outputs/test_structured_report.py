"""The structured report, as dcmtk prints it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.outputs.dicom_seg import write_dicom_seg
from LymphNodeSegLib.outputs.structured_report import write_structured_report

from Benchmarks.dicom_cases import nodes_of


def groups_printed(path: Path) -> list[str]:
    """The text of each measurement group, with codes."""
    if shutil.which("dsrdump") is None:
        pytest.skip("dsrdump is not installed (Debian: dcmtk)")
    done = subprocess.run(["dsrdump", "+Pc", str(path)], capture_output=True, text=True, check=True)
    return re.split(r'CONTAINER:\([^)]*"Measurement Group"\)', done.stdout)[1:]


def number(group: str, code: str, unit: str) -> float:
    """The value of the measurement with this code and unit."""
    found = re.search(rf'NUM:\({code},[^)]*\)="([0-9.]+)" \({re.escape(unit)},UCUM', group)
    assert found is not None, (code, group)
    return float(found.group(1))


@pytest.fixture(scope="module", params=[True, False], ids=["of a SEG", "of the images"])
def printed(request: pytest.FixtureRequest, synthetic, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("sr")
    nodes = [replace(node, mean_adc_um2_s=800.0 + node.label) for node in synthetic.nodes]
    nodes[0] = replace(nodes[0], side="right", station="external iliac")
    nodes[1] = replace(nodes[1], mean_adc_um2_s=None)
    seg = folder / "seg.dcm"
    write_dicom_seg(synthetic.labels, nodes, synthetic.files, seg)
    path = folder / "sr.dcm"
    write_structured_report(
        synthetic.labels, nodes, synthetic.files, path, seg_path=seg if request.param else None
    )
    uids = [item.TrackingUID for item in pydicom.dcmread(seg).SegmentSequence]
    return nodes, groups_printed(path), uids, pydicom.dcmread(path)


def test_a_group_for_each_node_with_its_measurements(printed) -> None:
    nodes, groups, _, _ = printed
    assert len(groups) == len(nodes)
    for node, group in zip(nodes, groups):
        assert f'(112039,DCM,"Tracking Identifier")="{node.id}"' in group
        assert '(121071,DCM,"Finding")=(59441001,SCT,' in group
        assert number(group, "118565006,SCT", "mm3") == pytest.approx(node.volume_mm3, abs=1e-3)
        assert number(group, "103340004,SCT", "mm") == pytest.approx(node.short_axis_mm, abs=1e-3)
        assert number(group, "103339001,SCT", "mm") == pytest.approx(node.long_axis_mm, abs=1e-3)
        if node.mean_adc_um2_s is not None:
            assert number(group, "113041,DCM", "um2/s") == pytest.approx(node.mean_adc_um2_s, abs=1e-3)
            assert "(373098007,SCT," in group


def test_what_could_not_be_measured_is_left_out(printed) -> None:
    _, groups, _, _ = printed
    assert "113041" not in groups[1]


def test_the_finding_site_is_the_station_or_the_pelvis(printed) -> None:
    _, groups, _, _ = printed
    assert "(65349008,SCT," in groups[0]
    assert "(24028007,SCT," in groups[0]
    assert "(54268001,SCT," in groups[2]
    assert "24028007" not in groups[2]


def test_tracking_uids_are_those_of_the_seg(printed) -> None:
    _, groups, uids, _ = printed
    assert len(uids) == len(groups)
    for group, uid in zip(groups, uids):
        assert f'="{uid}"' in group


def test_the_evidence_is_the_t2(printed, synthetic) -> None:
    _, _, _, report = printed
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    referenced = {
        item.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert {pydicom.dcmread(file).SOPInstanceUID for file in synthetic.files} <= referenced


def test_it_is_not_verified_and_says_research(printed) -> None:
    _, _, _, report = printed
    assert report.VerificationFlag == "UNVERIFIED"
    assert "research" in report.SeriesDescription.lower()


def test_the_lines_lie_on_the_images_that_they_name(synthetic, tmp_path: Path) -> None:
    write_structured_report(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "sr.dcm")
    images = {image.SOPInstanceUID: image for image in map(pydicom.dcmread, synthetic.files)}
    lines = [item for item in pydicom.dcmread(tmp_path / "sr.dcm").iterall() if item.keyword == "GraphicData"]
    assert len(lines) == 2 * len(synthetic.nodes)

    def diameters(items):
        for item in items:
            for child in item.get("ContentSequence", []):
                if child.ValueType == "SCOORD":
                    yield float(item.MeasuredValueSequence[0].NumericValue), child
            yield from diameters(item.get("ContentSequence", []))

    for length_mm, line in diameters(pydicom.dcmread(tmp_path / "sr.dcm").ContentSequence):
        uid = line.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        columns_rows = np.reshape(np.array(line.GraphicData, float), (2, 2))
        step_mm = np.diff(columns_rows, axis=0)[0] * np.array(images[uid].PixelSpacing, float)[::-1]
        assert np.hypot(*step_mm) == pytest.approx(length_mm, abs=0.01)


def test_a_seg_of_other_nodes_is_refused(synthetic, tmp_path: Path) -> None:
    write_dicom_seg(synthetic.labels, synthetic.nodes[:3], synthetic.files, tmp_path / "seg.dcm")
    with pytest.raises(InputError, match="other nodes"):
        write_structured_report(
            synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "sr.dcm", tmp_path / "seg.dcm"
        )


def test_a_label_map_seg_is_refused(synthetic, tmp_path: Path) -> None:
    """dcmtk 3.6.7, for one, cannot read a report that refers to it."""
    seg = tmp_path / "seg.dcm"
    write_dicom_seg(synthetic.labels, synthetic.nodes, synthetic.files, seg, label_map=True)
    with pytest.raises(InputError, match="no binary SEG"):
        write_structured_report(synthetic.labels, synthetic.nodes, synthetic.files, tmp_path / "sr.dcm", seg)


def test_nodes_that_were_not_measured_have_a_volume_only(synthetic, tmp_path: Path) -> None:
    write_structured_report(
        synthetic.labels, nodes_of(synthetic.labels), synthetic.files, tmp_path / "sr.dcm"
    )
    for group in groups_printed(tmp_path / "sr.dcm"):
        assert "118565006" in group
        assert "103340004" not in group


def test_no_node_is_refused(synthetic, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No lymph node"):
        write_structured_report(synthetic.labels, [], synthetic.files, tmp_path / "sr.dcm")


def test_every_station_has_a_code_of_its_own() -> None:
    from LymphNodeSegLib.nodes.stations import STATIONS, UNKNOWN
    from LymphNodeSegLib.outputs import codes

    found = {name: codes.station(name).value for name in STATIONS}
    assert found.pop(UNKNOWN) == codes.PELVIC_LYMPH_NODE.value
    assert len(set(found.values())) == len(found)
    assert codes.PELVIC_LYMPH_NODE.value not in found.values()
