"""Mechanisms that change images: cases worked by hand, and what is fixed by factors."""

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.models.data.letters import FONTS, LETTERS, letters
from unknot.models.data.mechanisms import MECHANISMS, SHIFTS, Transformed, apply_mechanism


def dot() -> NDArray[np.uint8]:
    """Return an image (1, 5, 5, 1) that is 200 in its middle."""
    image = np.zeros((1, 5, 5, 1), np.uint8)
    image[0, 2, 2] = 200
    return image


def source(*mechanisms: str) -> Transformed:
    """Return a source of three images of two classes; the third, of the larger class, is left out."""
    images = np.stack([np.full((6, 6, 1), value, np.uint8) for value in (10, 20, 30)])
    return Transformed(images, np.array([0, 1, 1]), mechanisms or MECHANISMS, shift=2)


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_moves_the_image_and_lets_paper_in(name: str) -> None:
    down, right = SHIFTS[name]
    expected = np.zeros((5, 5), np.uint8)
    expected[2 + 2 * down, 2 + 2 * right] = 200
    np.testing.assert_array_equal(apply_mechanism(name, dot(), 2)[0, ..., 0], expected)
    assert not apply_mechanism(name, dot(), 3).any()  # it left the image
    assert ("up" in name) == (down < 0)
    assert ("left" in name) == (right < 0)


def test_inversion_is_its_own_inverse() -> None:
    inverted = apply_mechanism("inversion", dot())
    assert inverted[0, 2, 2, 0] == 55
    assert inverted[0, 0, 0, 0] == 255
    np.testing.assert_array_equal(apply_mechanism("inversion", inverted), dot())


def test_noise_has_a_variance_of_a_quarter_is_clamped_and_is_each_images_own() -> None:
    grey = np.full((2, 200, 200, 1), 128, np.uint8)
    noisy = apply_mechanism("noise", grey)
    inside = (noisy > 0) & (noisy < 255)
    assert inside.mean() == pytest.approx(0.683, abs=0.01)  # within a standard deviation of 0.5
    assert (noisy[0] != noisy[1]).mean() > 0.6
    np.testing.assert_array_equal(apply_mechanism("noise", grey[:1], seeds=[1]), noisy[1:])


def test_factors_fix_the_image_and_classes_are_of_one_size() -> None:
    few = source("noise", "inversion")
    assert len(few) == 2 * 1 * 2
    factors = {"content": np.array([1, 1, 0]), "example": np.zeros(3, int), "mechanism": np.array([1, 0, 1])}
    images = few.render_factors(factors)
    assert images.shape == (3, 6, 6, 1)
    assert (images[0] == 235).all()
    assert (images[2] == 245).all()
    np.testing.assert_array_equal(few.originals(factors)[1], np.full((6, 6, 1), 20))
    np.testing.assert_array_equal(few.render_factors(factors), images)
    alone = few.render_factors({name: values[1:2] for name, values in factors.items()})
    np.testing.assert_array_equal(alone[0], images[1])
    assert (few.images[1] == 20).all()  # rendering changes no original


def test_wrong_arguments_are_named() -> None:
    images = np.zeros((2, 6, 6, 1), np.uint8)
    with pytest.raises(ValueError, match="did you mean 'noise'"):
        source("noises")
    with pytest.raises(ValueError, match="mechanisms must be at least one, each once"):
        source("noise", "noise")
    with pytest.raises(ValueError, match="labels must be 0 to the number of classes"):
        Transformed(images, np.array([0, 2]))
    with pytest.raises(ValueError, match="images must be uint8"):
        Transformed(images.astype(float), np.array([0, 1]))


def test_letters_have_mnists_layout_and_differ() -> None:
    images, labels = letters()
    assert images.shape == (len(LETTERS) * len(FONTS), 28, 28, 1)
    np.testing.assert_array_equal(np.bincount(labels), len(FONTS))
    assert not images[:, :4].any()
    assert not images[:, :, 24:].any()
    assert images[:, 4:24, 4:24].max((1, 2, 3)).min() > 200
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 0.98 * len(images)
