"""InfoGAN: its terms by hand and by finite differences, its networks, and that it learns."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unknot.models.data.blob import Blob
from unknot.models.data.stream import stream
from unknot.models.image.infogan import InfoGAN, surprise
from unknot.models.image.infogan_networks import NETWORKS, residual_critic, residual_generator
from unknot.representation import descend, train

SMALL: dict[str, Any] = {"shape": (8, 8, 1), "latent_dim": 2, "noise_dim": 1, "width": 4, "critic_updates": 2}


def make(**settings: Any) -> InfoGAN:
    torch.manual_seed(0)
    return InfoGAN(**SMALL | settings)


def batch(size: int = 8, step: int = 0) -> dict[str, Tensor]:
    return stream(Blob(pixels=8), size, seed=0)(step)


# Terms


def test_surprise_is_the_nats_of_codes_above_the_minimum() -> None:
    codes, mean = torch.randn(2, 50, 3)
    normal: Any = torch.distributions.Normal(mean, 1.0)
    nats = -normal.log_prob(codes).sum(1).mean()
    least = 3 * np.log(2 * np.pi) / 2
    torch.testing.assert_close(surprise(mean, codes), nats - least)
    assert surprise(codes, codes) == 0


# Networks


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(8, 8, 1), (64, 64, 3)])
def test_networks_fit_their_images(name: str, shape: tuple[int, int, int]) -> None:
    critic, generator = NETWORKS[name]
    images = generator(shape, 3, 2)(10 * torch.randn(2, 3))
    assert images.shape == (2, shape[2], *shape[:2])
    assert float(images.detach().abs().max()) <= 1
    assert critic(shape, 5, 2)(images).shape == (2, 5)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_critic_scores_each_image_separately(name: str) -> None:
    torch.manual_seed(0)
    critic = NETWORKS[name][0]((16, 16, 3), 5, 4)
    images = torch.randn(6, 3, 16, 16)
    torch.testing.assert_close(critic(images)[2:3], critic(images[2:3]))


def test_the_residual_networks_are_the_published_ones() -> None:
    def sizes(network: nn.Module) -> list[tuple[int, int, int]]:
        found = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        return [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in found]

    critic = residual_critic((64, 64, 3), 7, 64)
    assert sizes(critic)[:4] == [(3, 64, 3), (64, 128, 1), (64, 64, 3), (64, 128, 3)]
    assert sizes(critic)[-3:] == [(512, 512, 1), (512, 512, 3), (512, 512, 3)]
    generator = residual_generator((64, 64, 3), 134, 64)
    assert sizes(generator)[:3] == [(512, 512, 1), (512, 512, 3), (512, 512, 3)]
    assert sizes(generator)[-4:] == [(128, 64, 1), (128, 64, 3), (64, 64, 3), (64, 3, 3)]
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in critic.modules())


# As a learner


def test_each_optimiser_moves_only_its_own_network() -> None:
    learner = make()
    owned = {
        name: {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        for name, optimizer in learner.optimizers.items()
    }
    assert owned["critic"] == {id(parameter) for parameter in learner.critic.parameters()}
    assert owned["generator"] == {id(parameter) for parameter in learner.generator.parameters()}
    before = [parameter.clone() for parameter in learner.critic.parameters()]
    descend(learner.critic(learner._generate(4)[1])[:, 0].mean(), learner.optimizers["generator"])
    assert all(map(torch.equal, before, learner.critic.parameters()))


def test_each_step_of_the_critic_is_on_other_images() -> None:
    learner = make(critic_updates=3)
    seen: list[int] = []
    original = learner._update_critic

    def watched(real: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(len(real))
        return original(real)

    learner._update_critic = watched  # type: ignore[method-assign]
    learner.update(batch(10))
    assert seen == [4, 3, 3]
    with pytest.raises(ValueError, match=r"at least 2 images for each of critic_updates=3, not 5"):
        learner.update(batch(5))


def test_codes_are_uniform_and_images_in_range() -> None:
    codes, generated = make()._generate(4000)
    assert float(codes.detach().abs().max()) <= 1
    np.testing.assert_allclose(codes.var(0).numpy(force=True), 1 / 3, atol=0.02)
    assert generated.shape == (4000, 1, 8, 8)
    learner = make().eval()
    images = learner.decode(torch.zeros(2, 2))
    assert images.shape == (2, 8, 8, 1)
    assert 0 <= float(images.detach().min()) <= float(images.detach().max()) <= 1


def test_it_generates_blobs_from_codes_that_it_recognises() -> None:
    learner = make(noise_dim=0, learning_rate=2e-3)
    train(learner, stream(Blob(pixels=8), 64, seed=0), 300, progress=False)
    codes, generated = learner._generate(200)
    assert float(surprise(learner.critic(generated)[:, 1:], codes).detach()) < 0.06  # untrained: 0.36
    images = batch(200, step=1000)["observation"].float() / 255
    grey = [(each.flatten(1).sum(1)).mean() for each in ((generated.detach() + 1) / 2, images)]
    torch.testing.assert_close(grey[0], grey[1], rtol=0.3, atol=0)  # untrained: 38 pixels' worth, not 2.6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": "residul"}, "did you mean 'residual'"),
        ({"shape": (20, 20, 1)}, "a power of 2 from 8"),
        ({"latent_dim": 0}, "latent_dim must be at least 1, not 0"),
        ({"noise_dim": -1}, "noise_dim must be at least 0, not -1"),
        ({"critic_updates": 0}, "critic_updates must be at least 1"),
        ({"information_weight": -1}, "information_weight must be at least 0"),
        ({"penalty_weight": -1}, "penalty_weight must be at least 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(**settings)
