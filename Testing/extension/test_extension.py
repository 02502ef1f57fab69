"""The repository is a Slicer extension: what CMake packages is what the repository holds."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = REPOSITORY / "LymphNodeSeg"


@pytest.fixture(scope="module")
def packaged_files() -> Any:
    spec = importlib.util.spec_from_file_location(
        "packaged_files", Path(__file__).with_name("packaged_files.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_packaged_file_is_in_the_repository_and_every_file_is_packaged(packaged_files):
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    names = packaged_files.listed("MODULE_PYTHON_SCRIPTS") + packaged_files.listed("MODULE_PYTHON_RESOURCES")
    tracked = set(packaged_files.tracked())
    remedy = "run `python Testing/extension/packaged_files.py` and commit LymphNodeSeg/CMakeLists.txt"
    assert sorted(set(names) - tracked) == [], f"listed, but not in the repository: {remedy}"
    assert sorted(tracked - set(names)) == [], f"in the repository, but not listed: {remedy}"
    assert len(names) == len(set(names))


def test_python_files_are_scripts_and_all_else_is_a_resource(packaged_files):
    scripts = packaged_files.listed("MODULE_PYTHON_SCRIPTS")
    assert "LymphNodeSeg.py" in scripts
    assert all(name.endswith(".py") for name in scripts)
    resources = packaged_files.listed("MODULE_PYTHON_RESOURCES")
    assert all(name.startswith("Resources/") for name in resources)


# What Slicer's own CMake code would define, reduced to the checks it makes.
FAKE_SLICER = {
    "SlicerConfig.cmake": 'set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake")\n'
    'set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/Empty.cmake")\n'
    'set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/Empty.cmake")\n',
    "Empty.cmake": "",
    "UseSlicer.cmake": """
set(BUILD_TESTING ON)
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown arguments: ${MY_UNPARSED_ARGUMENTS}")
  endif()
  foreach(file IN LISTS MY_SCRIPTS MY_RESOURCES)
    if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
      message(FATAL_ERROR "missing: ${file}")
    endif()
  endforeach()
  message(STATUS "built module ${MY_NAME}")
endmacro()
macro(slicer_add_python_unittest)
  cmake_parse_arguments(MY "" "SCRIPT" "" ${ARGN})
  if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${MY_SCRIPT}")
    message(FATAL_ERROR "missing: ${MY_SCRIPT}")
  endif()
  message(STATUS "registered test ${MY_SCRIPT}")
endmacro()
""",
}


def test_cmake_configures_the_extension(tmp_path: Path):
    """CMake itself reads the files; only Slicer's macros are stood in for."""
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is not installed")
    slicer = tmp_path / "slicer"
    slicer.mkdir()
    for name, text in FAKE_SLICER.items():
        (slicer / name).write_text(text, encoding="utf-8")
    source = tmp_path / "source"
    source.mkdir()
    # Here no compiler is needed, nor the exact version of CMake.
    top = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    top = top.replace("project(LymphNodeSeg)", "project(LymphNodeSeg NONE)").replace(
        "VERSION 3.28.0...3.28.0", "VERSION 3.18"
    )
    (source / "CMakeLists.txt").write_text(top, encoding="utf-8")
    (source / "LymphNodeSeg").symlink_to(MODULE, target_is_directory=True)
    done = subprocess.run(
        [cmake, "-S", str(source), "-B", str(tmp_path / "build"), f"-DSlicer_DIR={slicer}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "built module LymphNodeSeg" in done.stdout
    assert "registered test LymphNodeSegTest.py" in done.stdout


def test_extension_metadata_is_complete():
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    values = dict(re.findall(r'set\((EXTENSION_\w+) "([^"]+)"\)', text))
    assert set(values) == {
        "EXTENSION_HOMEPAGE",
        "EXTENSION_CONTRIBUTORS",
        "EXTENSION_DESCRIPTION",
        "EXTENSION_ICONURL",
        "EXTENSION_SCREENSHOTURLS",
        "EXTENSION_DEPENDS",
    }
    assert "research" in values["EXTENSION_DESCRIPTION"].lower()
    for url in (values["EXTENSION_ICONURL"], *values["EXTENSION_SCREENSHOTURLS"].split()):
        assert (REPOSITORY / url.split("/main/", 1)[1]).is_file(), f"{url} points at nothing"


@pytest.mark.parametrize(
    "path", ["Resources/LymphNodeSeg.png", "LymphNodeSeg/Resources/Icons/LymphNodeSeg.png"]
)
def test_icons_are_128_pixels_square_with_a_transparent_corner(path: str):
    from PIL import Image

    with Image.open(REPOSITORY / path) as icon:
        assert icon.size == (128, 128)
        assert icon.convert("RGBA").getpixel((0, 0))[3] == 0


def test_ui_files_are_well_formed():
    for path in (MODULE / "Resources" / "UI").glob("*.ui"):
        assert ElementTree.parse(path).getroot().tag == "ui"
