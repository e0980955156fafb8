"""Teapots: the surface, its views, the gap in training."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.models.data.teapots import AMBIENT, LIGHT, SPACING, Teapots, in_gap, patches, shade, surface

SOURCE = Teapots()


def render(source: Teapots = SOURCE, **factors: Any) -> NDArray[np.uint8]:
    """Render one image, by default white and from the side."""
    values = {"azimuth": 0.0, "elevation": 0.0, "red": 1.0, "green": 1.0, "blue": 1.0} | factors
    image: NDArray[np.uint8] = source.render_factors({k: np.array([v]) for k, v in values.items()})[0]
    return image


def test_the_control_points_are_newells() -> None:
    points = patches()
    assert points.shape == (32, 4, 4, 3)
    flat = points.reshape(-1, 3)
    np.testing.assert_allclose(flat.min(0), [-3, -2, 0], atol=1e-12)
    np.testing.assert_allclose(flat.max(0), [3.525, 2, 3.15], atol=1e-12)
    published = [
        (0.749, -1.3375, 2.53125),
        (1.75, -0.98, 1.875),
        (-1.12, -2, 0.45),
        (0.2, -0.112, 2.7),
        (-0.728, 1.3, 2.55),
        (0.798, -1.425, 0),
        (-2.65, -0.3, 0.9375),
        (-1.9, 0.3, 0.6),
        (3.1, -0.66, 0.825),
        (3.45, 0.15, 2.5125),
    ]
    for point in published:
        assert np.abs(flat - point).max(1).min() < 1e-12, point


def test_a_flat_patch_is_covered_uniformly() -> None:
    ticks = np.arange(4) / 3
    flat = np.stack(np.meshgrid(ticks, 2 * ticks, [1.575], indexing="ij"), -1)[:, :, 0]
    points, normals = surface(flat[None], 0.25)
    np.testing.assert_allclose(np.unique(points[0].round(5)), [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(np.unique(points[1].round(5)), np.arange(0.125, 2, 0.25))
    assert points.shape == (3, 32)
    np.testing.assert_allclose(np.abs(normals), np.broadcast_to([[0], [0], [1]], (3, 32)), atol=1e-6)


def test_the_body_has_the_width_and_the_normals_of_its_profile() -> None:
    points, normals = surface(patches()[1:2], 0.01)  # the upper body: radius 1.5 to 2
    radius = np.hypot(*points[:2])
    assert 1.5 < radius.min() < 1.52
    assert 1.99 < radius.max() < 2.02
    outward = points[:2] / radius
    turned = normals[0] * outward[1] - normals[1] * outward[0]
    assert np.abs(turned).max() < 0.02  # nothing along the circle
    assert len(np.unique(np.sign((normals[:2] * outward).sum(0)))) == 1


def test_the_nearer_of_two_points_on_a_pixel_is_seen_from_either_side() -> None:
    points = np.array([[0, 0, 0], [0, 0, 2]], np.float32).T
    up, slanted = np.array([0, 0, 1.0]), np.array([0.6, 0, 0.8])
    for first, second in ((slanted, up), (up, -up), (up, slanted), (-slanted, -slanted)):
        view = shade(points, np.stack([first, second], 1).astype(np.float32), 0, np.pi / 2)
        facing = second if second[2] > 0 else -second
        expected = 255 * (AMBIENT + (1 - AMBIENT) * max(LIGHT @ facing, 0))
        assert view[view > 0].tolist() == [int(expected)]
        assert view[32, 32] > 0


def test_the_brightest_of_equally_near_points_is_seen_in_any_order() -> None:
    points = np.zeros((3, 9), np.float32)
    tilts = np.linspace(0, 1.2, 9)
    normals = np.stack([np.sin(tilts), 0 * tilts, np.cos(tilts)]).astype(np.float32)
    brightest = max(shade(points[:, :1], normals[:, [k]], 0, np.pi / 2).max() for k in range(9))
    for order in (np.arange(9), np.arange(9)[::-1]):
        assert shade(points, normals[:, order], 0, np.pi / 2).max() == brightest


def test_the_spout_points_where_the_azimuth_says() -> None:
    above = {
        azimuth: np.argwhere(render(azimuth=azimuth, elevation=np.pi / 2)[:, :, 0] > 0)
        for azimuth in (0, np.pi / 2, np.pi, 3 * np.pi / 2)
    }
    ends = {0: (1, 1), np.pi / 2: (0, -1), np.pi: (1, -1), 3 * np.pi / 2: (0, 1)}  # axis and direction
    for azimuth, (axis, direction) in ends.items():
        offsets = above[azimuth] + 0.5 - 32
        farthest = offsets[np.hypot(*offsets.T).argmax()]
        assert direction * farthest[axis] > 26  # the handle ends at 24
        assert abs(farthest[1 - axis]) < 3
    side = np.argwhere(render()[:, :, 0] > 0)
    assert side[side[:, 1].argmax(), 0] < side[side[:, 1].argmin(), 0]  # its end is higher than the handle


def test_no_view_has_holes_or_leaves_the_image() -> None:
    dense = surface(patches(), SPACING / 2)
    coarse = surface(patches(), SPACING)
    for azimuth, elevation in [(0, 0), (0.7, 0.2), (1.6, 0.5), (4.71, 0.1), (3, 1), (5.5, 1.3), (2.2, 1.57)]:
        fine, view = (shade(*points, azimuth, elevation) > 0 for points in (dense, coarse))
        around = np.lib.stride_tricks.sliding_window_view(fine, (3, 3)).all((2, 3))
        assert view[1:-1, 1:-1][around].all()
        assert not view[[0, -1]].any()
        assert not view[:, [0, -1]].any()
        assert 700 < view.sum() < 1300


def test_a_colour_scales_the_brightness() -> None:
    white = render(azimuth=1.0, elevation=0.7).astype(float)
    coloured = render(azimuth=1.0, elevation=0.7, red=0.5, green=0.0, blue=0.8)
    np.testing.assert_allclose(coloured, white * [0.5, 0, 0.8], atol=0.5)
    assert white.max() > 230
    assert white[white > 0].min() == int(255 * AMBIENT)


@pytest.mark.parametrize("pixels", [32, 16])
def test_fewer_pixels_are_means_and_images_do_not_depend_on_each_other(pixels: int) -> None:
    factors = SOURCE.sample_factors(8, np.random.default_rng(0))
    images = SOURCE.render_factors(factors)
    block = 64 // pixels
    means = images.reshape(-1, pixels, block, pixels, block, 3).mean((2, 4))
    np.testing.assert_allclose(Teapots(pixels=pixels).render_factors(factors), means, atol=1)
    alone = SOURCE.render_factors({name: values[5:6] for name, values in factors.items()})
    np.testing.assert_array_equal(alone[0], images[5])


def test_the_gap_is_red_teapots_from_above() -> None:
    cases = {
        "red": np.array([0.9, 0.9, 0.9, 0.5, 0.5]),
        "green": np.array([0.1, 0.8, 0.1, 0.3, 0.4]),
        "blue": np.array([0.1, 0.1, 0.1, 0.3, 0.3]),
        "elevation": np.array([1.0, 1.0, 0.7, 1.0, 1.0]),
    }
    assert in_gap(cases).tolist() == [True, False, False, True, False]
    sampled = {
        part: Teapots(part=part).sample_factors(4000, np.random.default_rng(0)) for part in ("all", "gap")
    }
    assert in_gap(sampled["all"]).mean() == pytest.approx(0.85**3 / 6, abs=0.015)
    assert in_gap(sampled["gap"]).all()
    seen = Teapots(part="seen").sample_factors(4000, np.random.default_rng(0))
    assert not in_gap(seen).any()
    assert all(values.shape == (4000,) for values in seen.values())
    again = Teapots(part="seen").sample_factors(4000, np.random.default_rng(0))
    np.testing.assert_array_equal(again["azimuth"], seen["azimuth"])
    for name, end in {"azimuth": 2 * np.pi, "elevation": np.pi / 2, "red": 1, "green": 1, "blue": 1}.items():
        counts = np.histogram(sampled["all"][name], 4, (0, end))[0]
        np.testing.assert_allclose(counts, 1000, atol=120)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"part": "gaps"}, "did you mean 'gap'"),
        ({"pixels": 48}, r"pixels must be one of \(64, 32, 16\), not 48"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Teapots(**settings)
    with pytest.raises(ValueError, match=r"elevation must be in \[0, 1.5708\]"):
        render(elevation=2.0)
