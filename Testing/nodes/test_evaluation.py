"""Figures of agreement, against counts made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.images.image import Geometry, Image
from LymphNodeSegLib.nodes.evaluation import evaluate, pool
from LymphNodeSegLib.nodes.measure import measure_nodes

GEOMETRY = Geometry((40, 40, 10), (5.0, -7.0, 3.0), (1.0, 1.0, 3.0))


def labels(*boxes: tuple[int, int, int, int]) -> Image:
    """Boxes (row, column, height, width) on slices 3 to 5, labels 1, 2, ..."""
    array = np.zeros((10, 40, 40), np.uint16)
    for number, (row, column, height, width) in enumerate(boxes, start=1):
        array[3:6, row : row + height, column : column + width] = number
    return Image(array, GEOMETRY)


def test_voxel_figures() -> None:
    result = evaluate(labels((0, 0, 4, 4)), labels((0, 2, 4, 4)))
    tp, fp, fn, total = 3 * 8, 3 * 8, 3 * 8, 16000
    tn = total - tp - fp - fn
    assert result["iou"] == pytest.approx(tp / (tp + fp + fn))
    assert result["dice"] == pytest.approx(0.5)
    assert result["precision"] == pytest.approx(0.5)
    assert result["recall"] == pytest.approx(0.5)
    assert result["mean_iou"] == pytest.approx((1 / 3 + tn / (tn + fp + fn)) / 2)
    assert result["mean_pixel_accuracy"] == pytest.approx((0.5 + tn / (tn + fp)) / 2)
    assert result["global_accuracy"] == pytest.approx((tp + tn) / total)


def test_node_figures_by_band() -> None:
    truth = labels((2, 2, 12, 14), (20, 2, 6, 8), (20, 20, 3, 4), (30, 30, 3, 4))
    prediction = labels((3, 2, 12, 14), (20, 3, 6, 8), (30, 10, 6, 7), (2, 30, 3, 3))
    result = evaluate(prediction, truth)
    assert result["sensitivity"] == {"all": 0.5, "<5": 0.0, "5-10": 1.0, ">=10": 1.0}
    assert result["false_positives_per_case"] == {"all": 2.0, "<5": 1.0, "5-10": 1.0, ">=10": 0.0}


def test_sizes_of_the_nodes_that_are_found() -> None:
    truth = labels((2, 2, 12, 14), (20, 2, 6, 8), (30, 30, 3, 4))
    prediction = labels((2, 2, 10, 14), (19, 2, 8, 8))
    large, small, _ = (node.short_axis_mm or 0.0 for node in measure_nodes(truth))
    narrower, wider = (node.short_axis_mm or 0.0 for node in measure_nodes(prediction))
    result = evaluate(prediction, truth)
    assert narrower < large
    assert result["short_axis_bias_mm"] == {
        "all": pytest.approx((narrower - large + wider - small) / 2),
        "<5": None,
        "5-10": pytest.approx(wider - small),
        ">=10": pytest.approx(narrower - large),
    }
    assert result["short_axis_error_mm"]["all"] == pytest.approx((large - narrower + wider - small) / 2)
    assert result["volume_ratio"][">=10"] == pytest.approx(10 / 12)
    assert result["volume_ratio"]["all"] == pytest.approx((10 * 14 + 64) / (12 * 14 + 48))
    twice = pool([result, result])
    assert twice["short_axis_bias_mm"] == result["short_axis_bias_mm"]
    assert twice["nodes"]["all"]["found"] == 4


def test_a_fragment_inside_a_node_is_neither_found_nor_false() -> None:
    result = evaluate(labels((5, 5, 3, 3)), labels((2, 2, 12, 14)))
    assert result["sensitivity"]["all"] == 0.0
    assert result["false_positives_per_case"]["all"] == 0.0


def test_one_prediction_over_two_nodes_finds_both() -> None:
    result = evaluate(labels((2, 2, 6, 14)), labels((2, 2, 6, 6), (2, 9, 6, 6)))
    assert result["sensitivity"]["all"] == 1.0


def test_labels_are_names_only() -> None:
    truth = labels((2, 2, 12, 14), (20, 2, 6, 8))
    swapped = truth.with_array(np.array([0, 900, 17], np.uint16)[truth.array])
    result = evaluate(swapped, truth)
    assert result["iou"] == 1.0
    assert result["sensitivity"]["all"] == 1.0
    assert result["nodes"]["all"] == {"true": 2, "found": 2, "predicted": 2, "false": 0}


def test_cases_are_pooled_not_averaged() -> None:
    perfect = evaluate(labels((2, 2, 12, 14)), labels((2, 2, 12, 14)))
    missed = evaluate(labels(), labels((2, 2, 3, 4)))
    together = pool([perfect, missed])
    assert together["cases"] == 2
    assert together["recall"] == pytest.approx(168 / 180)
    assert together["sensitivity"]["all"] == 0.5
    assert pool([together, missed])["sensitivity"]["all"] == pytest.approx(1 / 3)


def test_prediction_on_another_grid_is_compared_in_the_patient() -> None:
    truth = labels((2, 2, 12, 14))
    fine = Geometry((80, 80, 10), (5.0 - 0.25, -7.0 - 0.25, 3.0), (0.5, 0.5, 3.0))
    prediction = Image(truth.array.repeat(2, axis=1).repeat(2, axis=2), fine)
    assert evaluate(prediction, truth)["iou"] == 1.0
    part = Geometry((20, 20, 10), (5.0, -7.0, 3.0), (1.0, 1.0, 3.0))  # a corner of the truth's grid
    assert evaluate(Image(truth.array[:, :20, :20].copy(), part), truth)["iou"] == 1.0


def test_segmentations_of_different_places_are_refused() -> None:
    far = Geometry((40, 40, 10), (500.0, 0.0, 0.0), (1.0, 1.0, 3.0))
    with pytest.raises(InputError, match="different places"):
        evaluate(Image(labels((2, 2, 4, 4)).array, far), labels((2, 2, 4, 4)))


def test_nothing_in_both_has_no_figures() -> None:
    result = evaluate(labels(), labels())
    assert result["iou"] is None
    assert result["sensitivity"]["all"] is None
    assert result["false_positives_per_case"]["all"] == 0.0
    json.dumps(result)
