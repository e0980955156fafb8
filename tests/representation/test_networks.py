"""The networks that learners share: separate position and content, and the order of decoded patches."""

import pytest
import torch
from torch import Tensor, nn

from unknot.representation.networks import PATCH, BroadcastDecoder, ConvEncoder, mlp

SHAPE = (8, 12, 3)


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


class CellNumber(nn.Module):
    """Decodes patches that contain the number of their cell."""

    def forward(self, maps: Tensor) -> Tensor:
        numbers = torch.arange(float(maps.shape[1]))[None, :, None]
        return numbers.expand(len(maps), -1, PATCH * PATCH * SHAPE[2])


def test_a_perceptron_has_tanh_inside_and_a_linear_output() -> None:
    layers = mlp(2, 5, 4, 3)
    assert [type(layer) for layer in layers] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert layers(noise(7, 2)).shape == (7, 3)


def test_the_encoder_takes_images_of_any_channels_and_sides_in_multiples_of_four() -> None:
    features, pooled = ConvEncoder(SHAPE, features=10)(noise(5, 3, 8, 12))
    assert features.shape == (5, 10)
    assert pooled.shape == (5, ConvEncoder.pooled_features)
    with pytest.raises(ValueError, match=r"multiples of 4, not \(8, 10, 3\)"):
        ConvEncoder((8, 10, 3))


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 12), (3, 1, 1)])
def test_images_of_another_shape_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"but the network is for \(3, 8, 12\)"):
        ConvEncoder(SHAPE)(noise(2, *shape))


def test_pooled_features_contain_no_position_but_the_others_do() -> None:
    encoder = ConvEncoder((24, 24, 1))
    image = torch.zeros(2, 1, 24, 24)
    image[0, 0, 8:11, 8:11] = 1
    image[1, 0, 12:15, 12:15] = 1  # the same thing, moved by the strides of the convolutions
    features, pooled = encoder(image)
    blank = encoder(torch.zeros(1, 1, 24, 24))[1][0]
    torch.testing.assert_close(pooled[0], pooled[1])
    assert (pooled[0] - blank).abs().max() > 0.01
    assert (features[0] - features[1]).abs().max() > 0.01


def test_the_subtracted_mean_image_removes_the_background() -> None:
    encoder = ConvEncoder(SHAPE)
    images = noise(4, 3, 8, 12)
    before = encoder(images)
    encoder.mean.copy_(noise(3, 8, 12) + 0.3)
    after = encoder(images + encoder.mean)
    torch.testing.assert_close(after, before)


def test_patches_lie_in_rows_and_columns() -> None:
    decoder = BroadcastDecoder(SHAPE, code_dim=2, content_dim=0)
    decoder.patch = CellNumber()  # type: ignore[assignment]
    image = decoder(torch.zeros(1, 2))[0]
    cells = torch.arange(6.0).reshape(2, 3)
    expected = cells.repeat_interleave(PATCH, 0).repeat_interleave(PATCH, 1)
    assert torch.equal(image, expected.expand(3, -1, -1))


def test_a_patch_is_decoded_row_by_row_for_each_channel() -> None:
    decoder = BroadcastDecoder(SHAPE, code_dim=2, content_dim=0)
    nn.init.zeros_(decoder.patch.weight)
    decoder.patch.bias.data = torch.arange(PATCH * PATCH * 3.0)
    decoder.background.data += 100
    image = decoder(torch.zeros(1, 2))[0]
    patch = torch.arange(PATCH * PATCH * 3.0).reshape(3, PATCH, PATCH)
    assert torch.equal(image, patch.repeat(1, 2, 3) + 100)


def test_a_code_is_decoded_at_the_equal_position() -> None:
    torch.manual_seed(0)
    decoder = BroadcastDecoder((40, 40, 1), code_dim=2, content_dim=0)
    sizes = (decoder.code(torch.tensor([[0.5, -1.0]]))[:, None] + decoder.place(decoder.grid)).norm(dim=-1)
    at = decoder.grid[0, sizes.argmin()]
    torch.testing.assert_close(at, torch.tensor([0.5, -1.0]), atol=0.3, rtol=0)


def test_content_changes_only_the_image_of_its_own_row() -> None:
    torch.manual_seed(0)
    decoder = BroadcastDecoder(SHAPE, code_dim=2, content_dim=2)
    code, content = noise(4, 2), noise(4, 2)
    images = decoder(code, content)
    assert images.shape == (4, 3, 8, 12)
    other = content.clone()
    other[1] += 3
    changed = (decoder(code, other) - images).abs().amax((1, 2, 3))
    assert changed[1] > 0.01
    assert changed[[0, 2, 3]].max() == 0
