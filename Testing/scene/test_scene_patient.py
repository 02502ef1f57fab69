"""A real patient's images in a scene."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from LymphNodeSegLib.images.image import geometry_of
from LymphNodeSegLib.images.study import load_study
from LymphNodeSegLib.nodes.node import Node, NodeMask
from LymphNodeSegLib.scene import write_scene_files


def test_scene_of_a_patient_links_to_the_series_and_names_nobody(prostatex: Path, tmp_path: Path):
    import pydicom

    study = load_study(prostatex)
    t2 = study.t2
    array = np.zeros(t2.array.shape, np.uint16)
    array[8:11, 100:120, 90:105] = 1
    mask = NodeMask(np.ones((3, 20, 15), bool), (90, 100, 8), t2.geometry)
    node = Node("LN001", 1, mask, 1.0, None, None, None, None, None, None, (0.0, 0.0, 0.0))
    write_scene_files(tmp_path, t2, t2, None, t2.with_array(array), (node,))

    segmentation = sitk.ReadImage(str(tmp_path / "segmentation.seg.nrrd"))
    series = sitk.ImageSeriesReader()
    series.SetFileNames([str(path) for path in t2.acquisition.source_files])
    original = series.Execute()
    assert geometry_of(segmentation).is_close(geometry_of(original), 1e-4)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(segmentation), array)

    header = pydicom.dcmread(t2.acquisition.source_files[0], stop_before_pixels=True)
    with zipfile.ZipFile(tmp_path / "scene.mrb") as bundle:
        mrml = bundle.read(next(name for name in bundle.namelist() if name.endswith(".mrml"))).decode()
        names = " ".join(bundle.namelist())
    assert f"DICOM:{header.SeriesInstanceUID}" in mrml.replace("^", ":")
    identity = {str(header.PatientName), str(header.PatientID), str(prostatex), str(tmp_path)} - {""}
    assert identity
    assert [text for text in identity if text in mrml or text in names] == []
