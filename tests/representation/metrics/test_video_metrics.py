"""Measures of videos, on videos made by hand."""

import numpy as np
import pytest

from unknot.representation.metrics.videos import (
    average_content_distance,
    displacement,
    track,
)


def test_acd_is_the_mean_distance_of_all_pairs_of_frames() -> None:
    features = np.array([[[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]], [[1.0, 1.0]] * 3])
    np.testing.assert_allclose(average_content_distance(features), [10 / 3, 0])
    with pytest.raises(ValueError, match="2 frames at least"):
        average_content_distance(features[:, :1])
    with pytest.raises(ValueError, match="finite"):
        average_content_distance(features * np.nan)


def test_a_track_has_parts_area_colour_and_centre_of_what_is_lit() -> None:
    videos = np.zeros((2, 2, 8, 8, 3), np.uint8)
    videos[0, 0, 2:4, 4:8] = [200, 0, 100]
    videos[0, 1, 0, 0], videos[0, 1, 1, 1] = [64, 0, 0], [0, 128, 0]  # they touch at a corner
    videos[1, 1, 0, 0], videos[1, 1, 5, 5], videos[1, 1, 7, 7] = 255, 255, 63  # the last is too dark
    found = track(videos)
    assert found.parts.tolist() == [[1, 1], [0, 2]]
    assert found.area.tolist() == [[8, 2], [0, 2]]
    np.testing.assert_allclose(found.colour[0], [[200, 0, 100], [0, 128, 0]])  # of the brightest pixels
    np.testing.assert_allclose(found.centre[0], [[5.5, 2.5], [0.5, 0.5]])
    assert np.isnan(found.centre[1, 0]).all()
    assert (found.colour[1, 0] == 0).all()
    with pytest.raises(ValueError, match="videos must be uint8"):
        track(videos[0])


def test_soft_edges_have_no_part_in_the_colour() -> None:
    videos = np.zeros((1, 2, 8, 8, 3), np.uint8)
    videos[0, :, 2:6, 2:6] = [200, 100, 0]
    videos[0, 1, 1] = videos[0, 1, 6] = [100, 50, 0]  # a soft edge, lit all the same
    found = track(videos)
    assert found.area.tolist() == [[16, 32]]
    np.testing.assert_allclose(average_content_distance(found.colour), 0)
    videos[0, 1, 3, 3] = [190, 80, 0]  # as bright as the others, nearly
    assert average_content_distance(track(videos).colour)[0] == pytest.approx(np.hypot(10, 20) / 16)


def test_displacement_is_from_the_first_to_the_last_frame() -> None:
    centres = np.array([[[0.0, 0.0], [9.0, 9.0], [3.0, 4.0]], [[1.0, 1.0], [np.nan, np.nan], [1.0, 1.0]]])
    np.testing.assert_allclose(displacement(centres), [5, 0])
