"""What is skimmed of a header is what pydicom reads, or nothing is."""

from __future__ import annotations

import io
import random
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydicom
import pytest
from LymphNodeSegLib.images.quiet import quietly
from LymphNodeSegLib.images.reader import HEAD, wanted_tags
from LymphNodeSegLib.images.skim import BLOCK, skim
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from .conftest import item
from .test_mutated import MUTATIONS


def skimmed(content: bytes) -> Any:
    with quietly():
        return skim(io.BytesIO(content), HEAD, len(content), wanted_tags())


def values(dataset: Any) -> dict[int, str]:
    """Every element, converted; what cannot be converted by its error."""
    found = {}
    with quietly():
        for tag in set(dataset.keys()):  # converting changes it
            try:
                element = dataset[tag]
                found[int(tag)] = f"{element.VR} {element.value!r}"
            except Exception as error:
                found[int(tag)] = type(error).__name__
    return found


def read_by_pydicom(content: bytes) -> Any:
    with quietly():
        return pydicom.dcmread(
            io.BytesIO(content), stop_before_pixels=True, specific_tags=list(wanted_tags().values())
        )


def assert_same(dataset: Any, content: bytes, what: object) -> None:
    reference = read_by_pydicom(content)
    assert values(dataset) == values(reference), what
    assert dataset.original_encoding == reference.original_encoding, what
    assert dataset.original_character_set == reference.original_character_set, what
    for keyword in ("TransferSyntaxUID", "MediaStorageSOPClassUID"):
        assert dataset.file_meta.get(keyword) == reference.file_meta.get(keyword), what


def rich(maker: Any) -> Dataset:
    """A header with whatever a walk through it may stumble over."""
    dataset = maker.dataset(3, "t2 Übersicht", SpecificCharacterSet="ISO_IR 192", Manufacturer="")
    dataset.Rows, dataset.Columns, dataset.PixelSpacing = 16, 12, [1.5, 2.0]
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [1, 2, 3], [1, 0, 0, 0, 1, 0]
    inner = item(CodeValue="1", ReferencedImageSequence=[item(ReferencedSOPInstanceUID="1.2.3"), Dataset()])
    inner.is_undefined_length_sequence_item = True
    dataset.ProcedureCodeSequence = [inner, item(CodeValue="2", SeriesDescription="not this one")]
    dataset["ProcedureCodeSequence"].is_undefined_length = True
    inner["ReferencedImageSequence"].is_undefined_length = True
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()
    dataset["ReferencedPerformedProcedureStepSequence"].is_undefined_length = True
    dataset.IconImageSequence = [item(Rows=64, Columns=64, PixelData=b"\xfe\xff\xdd\xe0" * 8)]
    dataset["IconImageSequence"].VR = "SQ"
    dataset.IconImageSequence[0]["PixelData"].VR = "OB"
    maker.private(dataset, 0x0019, "SIEMENS MR HEADER", x0C=("IS", "800"), x99=("UN", b"x" * 3 * BLOCK))
    maker.private(dataset, 0x0043, "GEMS_PARM_01", x39=("IS", ["1000000800", "8", "0", "0"]))
    dataset.PixelData = b"\0" * 384
    return dataset


@pytest.mark.parametrize("syntax", ["", ImplicitVRLittleEndian])
def test_equals_pydicom(maker: Any, syntax: str) -> None:
    dataset = rich(maker)
    if syntax:
        dataset.file_meta.TransferSyntaxUID = syntax
    content = maker.save(dataset).read_bytes()
    found = skimmed(content)
    assert found is not None
    assert_same(found, content, syntax)
    assert found.SeriesDescription == "t2 Übersicht"
    assert (found.Rows, found.Manufacturer) == (16, "")


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_what_is_out_of_the_ordinary_is_left_to_pydicom(maker: Any, syntax: str) -> None:
    dataset = rich(maker)
    dataset.file_meta.TransferSyntaxUID = syntax
    assert skimmed(maker.save(dataset).read_bytes()) is None


def test_every_real_header(shared_data: Path) -> None:
    count = 0
    for path in sorted(shared_data.rglob("*")):
        if not path.is_file() or path.suffix in (".json", ".md", ".gz"):
            continue
        content = path.read_bytes()
        found = skimmed(content) if content[128:132] == b"DICM" else None
        if found is not None:
            assert_same(found, content, path.name)
            count += 1
    assert count > 400


def test_damaged_headers(maker: Any) -> None:
    """As pydicom reads them, or left to it; only damage in what nobody wants is noticed by pydicom alone."""
    content = maker.save(rich(maker)).read_bytes()
    compared = left = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(600):
            damaged = MUTATIONS[seed % len(MUTATIONS)](content, random.Random(seed))
            try:
                found = skimmed(damaged)
            except Exception as error:
                with pytest.raises(type(error)):
                    read_by_pydicom(damaged)
                continue
            left += found is None
            with suppress(OSError):  # "No tag to read", from within a sequence
                if found is not None:
                    assert_same(found, damaged, seed)
                    compared += 1
    assert min(compared, left) > 100
