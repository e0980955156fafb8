"""Traversals: one dimension changes at a time; figures and frames have the right size and order."""

from typing import Any

import numpy as np
import pytest
import torch

from unknot.models import VAE, Codec, traversal_figure, traversal_frames, traverse


def tiny() -> VAE:
    torch.manual_seed(0)
    return VAE(shape=(8, 8, 1), latent_dim=3, width=2, hidden=4)


def test_traversals_change_one_dimension_at_a_time() -> None:
    learner, codes = tiny(), torch.randn(2, 3)
    images = traverse(learner, codes, np.array([-3.0, 0.5]))
    assert images.shape == (3, 2, 2, 8, 8, 1)
    changed = codes.clone()
    changed[:, 1] = 0.5
    expected = (255 * learner.decode(changed)).round().byte()
    np.testing.assert_array_equal(images[1, 1], expected.numpy(force=True))


def test_chosen_dimensions_take_values_of_their_own() -> None:
    learner, codes = tiny(), torch.randn(2, 3)
    images = traverse(learner, codes, np.array([[-1.0, 1.0], [0.0, 2.0]]), dims=[2, 0])
    assert images.shape == (2, 2, 2, 8, 8, 1)
    np.testing.assert_array_equal(images[1], traverse(learner, codes, np.array([0.0, 2.0]))[0])


def test_frames_go_there_and_back_with_a_column_for_each_dimension_in_use() -> None:
    learner = tiny()
    last: Any = learner.encoder[-1]
    last.bias.data[3:] = torch.tensor([-1.0, -4.0, -1.0])
    frames = traversal_frames(learner, np.zeros((2, 8, 8, 1), np.uint8))
    assert frames.shape == (38, 16 + 2 * 64, 3 * 64, 3)
    np.testing.assert_array_equal(frames[1], frames[-1])
    assert (frames[:, :16] == frames[0, :16]).all()  # the names stay
    assert all((frames[0, :16, 64 * k : 64 * k + 64] < 128).any() for k in range(3))


def labels(figure: Any) -> list[str]:
    return [label.get_text().partition(":")[0] for label in figure.axes[0].get_yticklabels()]


def test_the_figure_has_rows_for_images_reconstructions_and_dimensions_in_order_of_kl() -> None:
    learner = tiny()
    last: Any = learner.encoder[-1]
    last.bias.data[3:] = torch.tensor([0.0, -4.0, -1.0])  # log variances: KLs of about 0, 1.5 and 0.2 nats
    figure = traversal_figure(learner, np.zeros((4, 8, 8, 1), np.uint8))
    assert labels(figure)[:4] == ["images", "reconstructed", "z1", "z2"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["-3.0", "-1.0", "1.0", "3.0"]
    assert "deviations of the prior" in figure.axes[0].get_xlabel()


def mean_and_rest(images: Any) -> Any:
    """Codes: the mean pixel, a tenth of the image's corner, and a constant."""
    pixels = images.reshape(len(images), -1) / 255
    return np.stack([pixels.mean(1), pixels[:, 0] / 10, np.full(len(pixels), 0.5)], 1)


def grey(codes: torch.Tensor) -> Any:
    """Images of the grey that the first dimension tells."""
    return codes[:, :1, None, None].repeat(1, 8, 8, 1)


def test_two_functions_are_a_model() -> None:
    """Dimensions come in order of their deviation, go through it, and a constant one has no row."""
    images = np.array([0, 100, 200], np.uint8)[:, None, None, None].repeat(8, 1).repeat(8, 2)
    model = Codec(mean_and_rest, grey)
    figure = traversal_figure(model, images)
    assert labels(figure) == ["images", "reconstructed", "z0", "z1"]
    assert figure.axes[0].get_xlabel().endswith("of the codes of these images; unused: z2")
    half = np.array([[150 / 255]])  # the mean is 100 and so is the deviation: half of it to the right
    shown = traverse(model, torch.from_numpy(mean_and_rest(images))[:1].float(), half, [0])
    assert (shown == 150).all()
    assert traversal_frames(model, images[:2]).shape == (38, 16 + 2 * 64, 2 * 64, 3)
    as_bytes = Codec(mean_and_rest, lambda codes: (255 * grey(codes).clamp(0, 1)).round().byte().numpy())
    np.testing.assert_array_equal(traversal_frames(as_bytes, images), traversal_frames(model, images))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Codec(lambda images: np.zeros(3), grey), r"encode must return codes \(3, d\), not \(3,\)"),
        (Codec(mean_and_rest, lambda codes: codes), r"decode must return images \(\d+, h, w, c\), not"),
    ],
)
def test_codes_and_images_of_a_wrong_shape_are_refused(model: Codec, sentence: str) -> None:
    images = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8, 1)
    with pytest.raises(ValueError, match=sentence):
        traversal_figure(model, images)
