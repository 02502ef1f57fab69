"""Damaged and hostile files: read right, left out, or refused in one line; never a traceback or a hang."""

from __future__ import annotations

import io
import random
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.choose import choose_series
from LymphNodeSegLib.images.study import load_choice, scan_study

CASES = 200
KEYWORDS = [
    "Rows",
    "Columns",
    "BitsAllocated",
    "PixelRepresentation",
    "SamplesPerPixel",
    "NumberOfFrames",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "InstanceNumber",
    "RescaleSlope",
    "RescaleIntercept",
    "DiffusionBValue",
    "EchoTime",
    "ImageType",
    "SeriesInstanceUID",
    "SeriesDescription",
    "SpecificCharacterSet",
]
HOSTILE = [
    b"",
    b"-1",
    b"1e308",
    b"nan",
    b"\\\\\\",
    b"1\\2",
    b"\xff\xfe\x00\x01",
    b"9" * 40,
    b"\x00\x00",
    b"\xff\xff",
]


def truncated(content: bytes, random_: random.Random) -> bytes:
    return content[: random_.randrange(len(content))]


def flipped(content: bytes, random_: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(random_.choice([1, 4, 30])):
        damaged[random_.randrange(132, min(len(damaged), 2500))] = random_.randrange(256)
    return bytes(damaged)


def wrong_length(content: bytes, random_: random.Random) -> bytes:
    """The two length bytes after a short VR, or the four after a long one."""
    places = [match.end() for match in re.finditer(rb"(?:DS|IS|US|UI|CS|LO|FD|SH|TM|DA)", content[132:2500])]
    at = 132 + random_.choice(places)
    return (
        content[:at]
        + random_.choice([b"\xff\xff", b"\x00\x00", b"\x01\x00", b"\xfe\x7f"])
        + content[at + 2 :]
    )


def wrong_vr(content: bytes, random_: random.Random) -> bytes:
    places = [match.start() for match in re.finditer(rb"(?:DS|IS|US|UI|CS|LO|FD|SH)", content[132:2500])]
    at = 132 + random_.choice(places)
    return (
        content[:at] + random_.choice([b"OB", b"SQ", b"UN", b"FD", b"DS", b"??", b"UT"]) + content[at + 2 :]
    )


def missing_tags(content: bytes, random_: random.Random) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(content))
    for keyword in random_.sample([element.keyword for element in dataset if element.keyword], 3):
        delattr(dataset, keyword)
    return saved(dataset)


def hostile_value(content: bytes, random_: random.Random) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(content))
    element = dataset[random_.choice([keyword for keyword in KEYWORDS if keyword in dataset])]
    value = random_.choice(HOSTILE)
    numeric = element.VR in ("US", "SS", "UL", "FD", "FL")
    value = (
        (value * 8)[: 8 if element.VR == "FD" else 2] or b"\0" * 8
        if numeric
        else value + b" " * (len(value) % 2)
    )
    raw = pydicom.dataelem.RawDataElement(element.tag, element.VR, len(value), value, 0, False, True, True)
    dataset._dict[element.tag] = raw
    return saved(dataset)


def saved(dataset: Any) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=False)
    return stream.getvalue()


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    truncated,
    flipped,
    wrong_length,
    wrong_vr,
    missing_tags,
    hostile_value,
]


@pytest.fixture
def healthy(maker: Any, enhanced: Any) -> dict[str, bytes]:
    """A study as bytes: a classic T2, a classic DWI, and the DWI as one enhanced file."""
    maker.series(1, "t2_tse_tra", RescaleSlope="1.5", RescaleIntercept="0", NumberOfFrames="1")
    maker.series(2, "ep2d_diff", diffusion=True, DiffusionBValue=800.0)
    planes = np.random.default_rng(0).integers(1, 4000, (4, 16, 12))
    frames = [
        {"plane": plane, "position": (-20, -30, 10 + 4 * k), "b_value": 900.0}
        for k, plane in enumerate(planes)
    ]
    maker.save(enhanced(maker, 3, "enhanced_dwi", frames), "enhanced")
    return {path.name: path.read_bytes() for path in maker.folder.iterdir()}


def mutants(healthy: dict[str, bytes]) -> Iterator[tuple[str, dict[str, bytes]]]:
    names = sorted(healthy)
    for seed in range(CASES):
        random_ = random.Random(seed)
        mutate = MUTATIONS[seed % len(MUTATIONS)]
        victims = random_.choice([["enhanced"], [random_.choice(names)], names])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            files = {
                name: mutate(content, random_) if name in victims else content
                for name, content in healthy.items()
            }
        yield f"{mutate.__name__} {seed}", files


def test_mutated_studies(healthy: dict[str, bytes], tmp_path: Path, recwarn: Any, capfd: Any) -> None:
    outcomes = {"read": 0, "refused": 0}
    messages: list[str] = []
    for name, files in mutants(healthy):
        folder = tmp_path / "mutant"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_bytes(content)
        try:
            series = scan_study(folder)
            study = load_choice(choose_series(series), series)
        except InputError as error:
            outcomes["refused"] += 1
            messages.append(str(error))
        else:
            outcomes["read"] += 1
            for image in (study.t2, *study.dwi_series):
                assert np.isfinite(image.array).all(), name
                assert np.isfinite(image.geometry.ijk_to_lps).all(), name
                assert abs(np.linalg.det(image.geometry.direction) - 1) < 1e-6, name
        assert {path.name for path in folder.iterdir()} == set(files), name  # nothing written
    assert min(outcomes.values()) >= 20, outcomes
    assert sum(outcomes.values()) == CASES
    assert not any("\n" in message for message in messages)
    assert not recwarn.list
    assert capfd.readouterr().err == ""
