"""Rendered street digits: what each factor does, and which fonts there are."""

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.models.data.grid import Factors
from unknot.models.data.street_digits import NONE, RANGES, StreetDigits, digit_fonts


def plain(n: int, **changed: float) -> Factors:
    """Return factors of black digits on grey without anything else, some of them changed."""
    still = {name: (low + high) / 2 for name, (low, high) in RANGES.items()}
    still |= dict.fromkeys(("x", "y", "angle", "shear", "weight", "saturation"), 0.0)
    still |= dict.fromkeys(("light", "cluttering", "shadow", "noise"), 0.0)
    still |= {"height": 0.8, "stretch": 1.0, "contrast": 0.6, "level": 0.5, "blur": 0.4} | changed
    whole = {"digit": 0, "font": 0, "left": NONE, "right": NONE, "dark": 1, "clutter": 0, "grain": 0}
    factors: Factors = {name: np.full(n, int(changed.get(name, value))) for name, value in whole.items()}
    return factors | {name: np.full(n, still[name]) for name in RANGES}


def ink(source: StreetDigits, factors: Factors) -> NDArray[np.float64]:
    """Return how much darker than the background each pixel is, (n, 32, 32)."""
    images: NDArray[np.float64] = source.render_factors(factors).mean(-1)
    darker: NDArray[np.float64] = images.max((1, 2), keepdims=True) - images
    return darker


def test_images_repeat_and_show_all_digits_differently() -> None:
    source = StreetDigits("train")
    factors = plain(10)
    factors["digit"] = np.arange(10)
    images = source.render_factors(factors)
    assert images.shape == (10, 32, 32, 3)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, source.render_factors(factors))
    flat = images.reshape(10, -1).astype(float)
    distances = np.abs(flat[:, None] - flat[None]).mean(-1)
    assert distances[~np.eye(10, dtype=bool)].min() > 5


def test_an_image_does_not_depend_on_those_rendered_with_it() -> None:
    source = StreetDigits()
    factors = source.sample_factors(6, np.random.default_rng(0))
    together = source.render_factors(factors)
    alone = source.render_factors({name: each[3:4] for name, each in factors.items()})
    np.testing.assert_array_equal(together[3], alone[0])


def test_factors_move_scale_and_recolour_the_digit() -> None:
    source = StreetDigits("train")
    here = ink(source, plain(1))[0]
    rows, columns = np.nonzero(here > here.max() / 2)
    assert np.ptp(rows) + 1 == pytest.approx(0.8 * 32, abs=2)  # the height
    assert columns.mean() == pytest.approx(15.5, abs=1)
    moved = np.nonzero((there := ink(source, plain(1, x=0.0625))[0]) > there.max() / 2)[1]
    assert moved.mean() - columns.mean() == pytest.approx(2, abs=0.3)  # a sixteenth of 32 pixels
    assert here.max() == pytest.approx(0.6 * 255, rel=0.1)  # the contrast
    light = source.render_factors(plain(1, dark=0))[0].mean(-1)
    assert light[16, 0] < light.max()  # a light digit on a darker background
    bold = ink(source, plain(1, weight=0.03))
    assert bold.sum() > 1.15 * here.sum()


def test_neighbours_are_at_the_sides_and_behind_nothing() -> None:
    source = StreetDigits("train")
    alone, both = (ink(source, plain(1, height=0.65, left=n, right=n))[0] for n in (NONE, 8))
    assert alone[:, [0, 1, -2, -1]].max() < 10
    assert both[:, :4].max() > 100
    assert both[:, -4:].max() > 100
    np.testing.assert_array_equal(alone[:, 14:18], both[:, 14:18])


def test_training_and_test_share_no_font_and_every_font_has_ten_digits() -> None:
    every, train, test = (StreetDigits(part).fonts for part in ("all", "train", "test"))
    assert not {path.name for path in train} & {path.name for path in test}
    assert sorted(train + test) == sorted(every) == sorted(digit_fonts())
    assert len(test) >= 5
    names = {path.name for path in every}
    assert "DejaVuSans.ttf" in names
    assert not names & {"LastResortHE-Regular.ttf", "cmsy10.ttf", "STIXSizOneSymReg.ttf"}


def test_digits_are_uniform_and_some_have_no_neighbour() -> None:
    factors = StreetDigits().sample_factors(4000, np.random.default_rng(0))
    assert np.bincount(factors["digit"]).min() > 300
    for side in ("left", "right"):
        assert (factors[side] == NONE).mean() == pytest.approx(0.4, abs=0.05)
    assert factors["blur"].min() >= RANGES["blur"][0]


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="unknown part 'tset'; did you mean 'test'"):
        StreetDigits("tset")
    with pytest.raises(ValueError, match="installed must be True or False"):
        StreetDigits(installed=1)  # type: ignore[arg-type]
    source = StreetDigits()
    with pytest.raises(ValueError, match=r"blur must be in \[0\.4, 1\.2\], not 3.0 to 3.0"):
        source.render_factors(plain(1, blur=3.0))
    with pytest.raises(ValueError, match="digit must be in"):
        source.render_factors(plain(1, digit=10))
