"""MoCoGAN and VGAN: the game's losses, codes, what is learnt, what is refused."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from unknot.models.video.game import IMAGE, PENALISE_EVERY, VIDEO, Fakes, some_clips, some_frames
from unknot.models.video.mocogan import MoCoGAN
from unknot.models.video.networks import HEIGHT, Bell
from unknot.models.video.vgan import VGAN

TINY: dict[str, Any] = {"shape": (8, 8, 3), "frames": 2, "length": 2, "width": 4, "clips": 4}
TINY |= {"discriminator_width": 4}
CODES: dict[str, Any] = {"content_dim": 3, "motion_dim": 4, "noise_dim": 2, "length": 4}


def tiny(**changed: Any) -> MoCoGAN:
    torch.manual_seed(0)
    return MoCoGAN(**{**TINY, **CODES, **changed})


def linear(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs))


def test_discriminators_descend_the_losses_of_the_paper_and_the_penalty_on_slopes() -> None:
    learner = tiny(categories=2, r1=0.7, clip_r1=1.4)
    learner.discriminators = nn.ModuleDict({IMAGE: linear(192, 1), VIDEO: linear(384, 3)})
    learner.optimizers["discriminators"] = torch.optim.SGD(learner.discriminators.parameters(), 1.0)
    torch.manual_seed(1)
    real = {IMAGE: torch.rand(5, 3, 8, 8), VIDEO: torch.rand(4, 3, 2, 8, 8)}
    made = {IMAGE: torch.rand(6, 3, 8, 8), VIDEO: torch.rand(3, 3, 2, 8, 8)}
    names, asked = torch.tensor([0, 1, 1, 0]), torch.tensor([1, 1, 0])
    layers = {kind: learner.discriminators[kind][1] for kind in real}  # type: ignore[index]
    before = {kind: layer.weight.detach().clone().requires_grad_() for kind, layer in layers.items()}

    def judged(kind: str, samples: Tensor) -> Tensor:
        result: Tensor = samples.flatten(1) @ before[kind].T + layers[kind].bias.detach()
        return result

    loss = torch.zeros(())
    for kind, weight in ((IMAGE, 0.7), (VIDEO, 1.4)):
        ours, theirs = judged(kind, real[kind]), judged(kind, made[kind])
        loss = loss + softplus(-ours[:, 0]).mean() + softplus(theirs[:, 0]).mean()
        loss = loss + weight * PENALISE_EVERY * before[kind][0].square().sum() / 2  # the slope of a line
    loss = loss + cross_entropy(judged(VIDEO, real[VIDEO])[:, 1:], names)  # none of generated clips
    loss.backward()  # type: ignore[no-untyped-call]
    learner._discriminate(real, Fakes(made, asked), names)
    for kind, weight in before.items():
        assert weight.grad is not None
        torch.testing.assert_close(layers[kind].weight, weight - weight.grad)


def test_without_labels_the_discriminator_names_what_generated_clips_were_made_for() -> None:
    learner = tiny(categories=2, clip_r1=0.0)
    learner.discriminators = nn.ModuleDict({VIDEO: linear(384, 3)})
    learner.optimizers["discriminators"] = torch.optim.SGD(learner.discriminators.parameters(), 1.0)
    layer: Any = learner.discriminators[VIDEO][1]  # type: ignore[index]
    made, asked = torch.rand(3, 3, 2, 8, 8), torch.tensor([1, 1, 0])
    weight = layer.weight.detach().clone().requires_grad_()
    cross_entropy((made.flatten(1) @ weight.T + layer.bias.detach())[:, 1:], asked).backward()  # type: ignore[no-untyped-call]
    learner._discriminate({VIDEO: torch.rand(4, 3, 2, 8, 8)}, Fakes({VIDEO: made}, asked), None)
    torch.testing.assert_close(layer.weight[1:], (weight - weight.grad)[1:])


def test_the_first_state_is_remembered() -> None:
    """Codes of the last frame still tell videos apart that have the same noise."""
    kept = {}
    for remember in (0.0, 2.0):
        motion = tiny(motion_dim=16, remember=remember).generator.motion
        inputs = torch.randn(1, 16, 2).expand(200, -1, -1)
        codes, _ = motion(inputs, torch.randn(1, 200, 16))
        kept[remember] = float(codes[:, -1].detach().var(0).mean())
    assert kept[2.0] > 1000 * kept[0.0]


def test_content_moves_nothing_far() -> None:
    learner = tiny(shape=(32, 32, 3), head="colour")
    images: Any = learner.generator.images
    centre = torch.zeros(1, 1, 32, 32)
    centre[..., 10, 20] = 50.0
    images.where = nn.Module()
    images.where.forward = lambda motion: centre.expand(len(motion), -1, -1, -1)
    frames = images(torch.randn(6, 3), torch.zeros(6, 4)).detach()
    far = torch.ones(32, 32, dtype=torch.bool)
    far[10 - 3 : 10 + 4, 20 - 3 : 20 + 4] = False
    far[:3] = far[-3:] = far[:, :3] = far[:, -3:] = False  # the frame's edges are drawn otherwise
    for frame in frames:
        torch.testing.assert_close(frame[:, far], frame[:, 20, 5, None].expand(3, int(far.sum())))
        assert (frame[:, 10, 20] - frame[:, 20, 5]).abs().max() > 1e-3


def test_a_bell_stands_where_motion_says() -> None:
    row, column = 10, 31
    shares = torch.tensor([[row / 39, column / 39]], dtype=torch.float64)  # of 40 pixels: a deviation of 1
    bell = Bell(40)(shares.logit())[0, 0]
    assert float(bell[row, column]) == pytest.approx(HEIGHT)
    for away in ((row + 1, column), (row, column - 1)):
        assert float(bell[away]) == pytest.approx(HEIGHT * math.exp(-1 / 2))
    assert float(bell[row - 2, column + 1]) == pytest.approx(HEIGHT * math.exp(-5 / 2))


def test_a_bell_stands_at_a_whole_pixel_and_learns_of_parts_of_one() -> None:
    rows = (torch.tensor([[9.6, 31.0], [10.4, 31.0]]) / 39).logit().requires_grad_()
    bells = Bell(40)(rows)[:, 0]
    torch.testing.assert_close(bells[0], bells[1])
    assert int(bells[0].argmax()) == 10 * 40 + 31
    bells[0, 11].sum().backward()
    assert rows.grad is not None
    assert rows.grad[0, 0] > 0  # further down, the row below would have more


def test_the_penalty_is_paid_once_in_a_while() -> None:
    learner = tiny(r1=100.0, clip_r1=100.0, discriminator_rate=1e-9)
    videos = {"observation": torch.randint(256, (4, 2, 8, 8, 3), dtype=torch.uint8)}
    sizes = []
    for _ in range(PENALISE_EVERY + 1):
        learner.update(videos)
        slopes = [p.grad for p in learner.discriminators.parameters() if p.grad is not None]
        sizes.append(sum(float(slope.norm()) for slope in slopes))
    assert min(sizes[0], sizes[-1]) > 2 * max(sizes[1:-1])


def test_content_is_the_same_in_all_frames_and_motion_is_not() -> None:
    learner = tiny(categories=3)
    category = torch.tensor([2, 0])
    codes = learner.sample_codes(2, 7, category)
    assert codes.content.shape == (2, 3)
    assert codes.motion.shape == (2, 7, 4)
    assert codes.category is category
    videos = learner.decode(codes.content, codes.motion)
    assert videos.shape == (2, 7, 8, 8, 3)
    alone = learner.decode(codes.content[1:], codes.motion[1:, 3:4])
    np.testing.assert_allclose(alone[0, 0], videos[1, 3], atol=1)
    assert learner.sample(3).shape == (3, 4, 8, 8, 3)


def test_a_colour_of_the_content_is_the_only_one_of_a_video() -> None:
    learner = tiny(head="colour")
    nn.init.constant_(learner.sampler.images.last.bias, 1.0)  # type: ignore[arg-type, union-attr]
    videos = learner.sample(5, 6).astype(float)
    brightest = videos.reshape(5, -1, 3)[np.arange(5), videos.sum(-1).reshape(5, -1).argmax(1)]
    shares = videos.reshape(5, -1, 3) / videos.reshape(5, -1, 3).max(-1, keepdims=True).clip(1)
    expected = brightest / brightest.max(-1, keepdims=True)
    lit = videos.reshape(5, -1, 3).max(-1) > 40
    assert lit.any()
    for k in range(5):
        np.testing.assert_allclose(
            shares[k][lit[k]], np.broadcast_to(expected[k], shares[k][lit[k]].shape), atol=0.05
        )


def test_in_the_warm_up_the_discriminator_of_clips_stays_as_it_is() -> None:
    learner = tiny(warm_up=1, categories=2)
    before = [p.clone() for p in learner.discriminators[VIDEO].parameters()]
    batch = {"observation": torch.randint(256, (4, 2, 8, 8, 3), dtype=torch.uint8)}
    assert learner.update(batch).keys() == {"D_I", "G"}
    assert all(map(torch.equal, before, learner.discriminators[VIDEO].parameters()))
    assert learner.update(batch).keys() == {"D_I", "D_V", "G", "category"}
    assert not any(map(torch.equal, before, learner.discriminators[VIDEO].parameters()))


def test_the_average_samples_and_0_samples_by_the_weights_as_they_are() -> None:
    batch = {"observation": torch.randint(256, (4, 2, 8, 8, 3), dtype=torch.uint8)}
    averaged, plain = tiny(average=0.99), tiny(average=0.0)
    for learner in (averaged, plain):
        for _ in range(3):
            learner.update(batch)
    assert all(map(torch.equal, plain.sampler.parameters(), plain.generator.parameters()))
    new, mean = next(averaged.generator.parameters()), next(averaged.sampler.parameters())
    assert not torch.equal(new, mean)
    assert (new - mean).abs().max() < 0.01  # it forgets its beginning


def test_frames_and_clips_are_parts_of_their_videos() -> None:
    torch.manual_seed(0)
    videos = torch.arange(6)[None].expand(50, -1) + 100 * torch.arange(50)[:, None]
    frames, clips = some_frames(videos), some_clips(videos, 4)
    assert (frames // 100).tolist() == list(range(50))
    assert set((frames % 100).tolist()) == set(range(6))
    assert (clips.diff() == 1).all()
    assert set((clips[:, 0] % 100).tolist()) == {0, 1, 2}


def brightening(step: int) -> dict[str, Tensor]:
    """Return videos of even frames, red or green, each brighter than the one before."""
    generator = torch.Generator().manual_seed(step)
    red = torch.rand(16, generator=generator) < 0.5
    colour = torch.stack([red, ~red, torch.zeros_like(red)], 1).float()
    level = torch.tensor([60.0, 120.0, 180.0, 240.0])
    frames = (level[:, None] * colour[:, None])[:, :, None, None].expand(-1, -1, 8, 8, -1)
    return {"observation": frames.round().byte()}


def test_mocogan_learns_a_motion_and_the_colours_of_contents() -> None:
    torch.manual_seed(0)
    sizes = {**TINY, **CODES, "frames": 4, "clips": 8}
    learner = MoCoGAN(**sizes, remember=0.0, average=0.9, learning_rate=3e-3)
    for step in range(300):
        learner.update(brightening(step))
    torch.manual_seed(1)
    colours = learner.sample(64).mean((2, 3))
    brightness = colours.max(2)
    np.testing.assert_allclose(brightness.mean(0), [60, 120, 180, 240], atol=40)
    assert (np.diff(brightness, axis=1) > 0).mean() > 0.8
    shown = colours.sum(1).argmax(1)
    assert 0.2 < (shown == 0).mean() < 0.8
    assert (shown < 2).all()


def test_vgan_makes_clips_and_its_ground_stays() -> None:
    torch.manual_seed(0)
    learner = VGAN(**TINY, latent_dim=3)
    assert learner.sample(2).shape == (2, 2, 8, 8, 3)
    nn.init.constant_(learner.sampler.mask.bias, -30.0)  # type: ignore[arg-type, union-attr]
    video = learner.sample(1)[0]
    np.testing.assert_array_equal(video[0], video[1])
    assert list(learner.discriminators) == [VIDEO]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"generator": "deconv"}, "unknown generator 'deconv'"),
        ({"head": "mask"}, "unknown head 'mask'"),
        ({"shape": (8, 16, 3)}, "one height and width"),
        ({"length": 1}, "length must be at least 2, not 1"),
        ({"r1": -1.0}, "r1 must be at least 0"),
        ({"average": 1.0}, "average must be from 0"),
        ({"frames": 1}, "frames must be at least 2"),
    ],
)
def test_other_settings_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tiny(**changed)


def test_other_videos_are_refused() -> None:
    for videos in (
        torch.zeros(2, 2, 8, 8, 3),
        torch.zeros(2, 1, 8, 8, 3).byte(),
        torch.zeros(2, 8, 8, 3).byte(),
    ):
        with pytest.raises(ValueError, match=r"videos must be uint8 \(n, at least 2, 8, 8, 3\)"):
            tiny().update({"observation": videos})
    with pytest.raises(ValueError, match="length must be a multiple of 2"):
        VGAN(**TINY | {"length": 3})
