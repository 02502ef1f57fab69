"""Which ADC the second look is shown, and that the user is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from LymphNodeSegLib.images.image import Acquisition, Geometry, Image
from LymphNodeSegLib.pipeline import adc_for
from LymphNodeSegLib.progress import Silent

GEOMETRY = Geometry((6, 5, 4))


class Listener(Silent):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def message(self, text: str) -> None:
        self.heard.append(text)


def image(level: float, b_value: float) -> Image:
    array = np.linspace(1.0, 2.0, 120, dtype=np.float32).reshape(4, 5, 6) * level
    return Image(array, GEOMETRY, Acquisition("DWI", b_value))


LOW, HIGH = image(1000.0, 50.0), image(400.0, 800.0)
BOTH: Any = SimpleNamespace(second=object())


def registered(adc: Image | None, *series: Image) -> Any:
    return SimpleNamespace(adc=adc, dwi_series=series)


def test_the_map_of_the_study_comes_first_and_needs_no_word() -> None:
    listener, adc = Listener(), image(900.0, 0.0)
    assert adc_for(registered(adc, LOW, HIGH), BOTH, listener) is adc
    assert not listener.heard


def test_else_two_b_values_make_one_which_is_told() -> None:
    listener = Listener()
    adc = adc_for(registered(None, LOW, HIGH), BOTH, listener)
    assert adc is not None
    np.testing.assert_allclose(adc.array, np.log(2.5) * 1e6 / 750, rtol=1e-4)
    assert len(listener.heard) == 1
    assert "b = 50 and 800 s/mm2" in listener.heard[0]


def test_without_any_the_user_knows_what_to_expect() -> None:
    listener = Listener()
    assert adc_for(registered(None, HIGH), BOTH, listener) is None
    assert len(listener.heard) == 1
    assert "no ADC" in listener.heard[0]


def test_a_model_with_one_look_has_no_use_for_it() -> None:
    listener, alone = Listener(), SimpleNamespace(second=None)
    assert adc_for(registered(None, HIGH), alone, listener) is None  # type: ignore[arg-type]
    assert not listener.heard
