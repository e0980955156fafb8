"""Traversals: one dimension changes at a time; figures and frames have the right size and order."""

from typing import Any

import numpy as np
import torch

from unknot.models import VAE, traversal_figure, traversal_frames, traverse


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


def test_frames_go_there_and_back_with_a_column_for_each_dimension() -> None:
    frames = traversal_frames(tiny(), np.zeros((2, 8, 8, 1), np.uint8))
    assert frames.shape == (38, 16, 24, 1)
    np.testing.assert_array_equal(frames[1], frames[-1])


def test_the_figure_has_rows_for_images_reconstructions_and_dimensions_in_order_of_kl() -> None:
    learner = tiny()
    last: Any = learner.encoder[-1]
    last.bias.data[3:] = torch.tensor([0.0, -4.0, -1.0])  # log variances: KLs of about 0, 1.5 and 0.2 nats
    figure = traversal_figure(learner, np.zeros((4, 8, 8, 1), np.uint8))
    labels = [label.get_text().partition(":")[0] for label in figure.axes[0].get_yticklabels()]
    assert labels == ["images", "reconstructed", "z1", "z2", "z0"]
