"""The sequential VAE: its bound by hand, its prior, what each code is for."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unknot.models.video.sequential_vae import SequentialVAE
from unknot.representation import train
from unknot.representation.gaussian import Gaussian

TINY: dict[str, Any] = {
    "shape": (8, 8, 3),
    "length": 4,
    "content_dim": 3,
    "motion_dim": 2,
    "width": 4,
    "hidden": 8,
}


def tiny(seed: int = 0, **changed: Any) -> SequentialVAE:
    torch.manual_seed(seed)
    return SequentialVAE(**TINY | changed)


def bars(step: int, n: int = 16) -> dict[str, Tensor]:
    """Return videos in which a bar of a colour, which stays, goes down a row in each frame, from any row."""
    rng = np.random.default_rng(step)
    videos = np.zeros((n, 4, 8, 8, 3), np.uint8)
    colour, row = rng.integers(3, size=n), rng.integers(8, size=n)
    for k in range(n):
        for time in range(4):
            videos[k, time, (row[k] + time) % 8, :, colour[k]] = 255
    return {"observation": torch.from_numpy(videos), "colour": torch.from_numpy(colour)}


def test_the_prior_is_asked_for_each_code_from_those_before() -> None:
    learner = tiny()
    motion = torch.randn(5, 4, 2)
    predicted = learner._predicted(motion)
    changed = motion.clone()
    changed[:, 2] += 1
    moved = (learner._predicted(changed).mean - predicted.mean).abs().amax((0, 2))
    assert (moved > 0).tolist() == [False, False, False, True]
    state = learner.recall(motion[:, 0], learner.recall(torch.zeros(5, 2)))
    torch.testing.assert_close(predicted.mean[:, 1], learner.predict(state[0])[:, :2])


def test_an_update_descends_the_bound_per_channel() -> None:
    learner = tiny(learning_rate=1e-9)
    videos = bars(0)["observation"]
    torch.manual_seed(3)
    terms = {name: float(term) for name, term in learner.update({"observation": videos}).items()}
    torch.manual_seed(3)
    frames = videos.movedim(-1, 2).float() / 255
    found = learner._posterior(frames, sample=True)
    content, motion = found.content.sample(), found.motion.sample()
    zeros = torch.zeros_like(content)
    error = (learner._pixels(content, motion) - frames).square().mean()
    kl = found.content.kl(Gaussian(zeros, zeros)).mean()
    kl_of_motion = found.motion.kl(learner._predicted(motion)).sum(1).mean()
    for name, term in {"error": error, "content": kl, "motion": kl_of_motion}.items():
        assert terms[name] == pytest.approx(term.item(), rel=1e-4)
    learner.zero_grad()
    torch.autograd.backward(0.5 * error.log() + (kl + kl_of_motion) / (4 * 8 * 8 * 3))
    norm = torch.stack([p.grad.norm() for p in learner.parameters() if p.grad is not None]).norm()
    assert terms["gradient"] == pytest.approx(norm.item(), rel=1e-3)


def test_colour_becomes_content() -> None:
    learner = tiny(1, width=16, hidden=64, motion_dim=1, steps=500, learning_rate=4e-3)
    train(learner, bars, 500, progress=False)
    batch = bars(1000, 64)
    codes = learner.encode_videos(batch["observation"])
    decoded = learner.decode(codes.content, codes.motion) / 255.0
    assert np.square(decoded - batch["observation"].numpy() / 255.0).mean() < 0.03  # of a mean frame: 0.04
    swapped = learner.decode(codes.content.roll(1, 0), codes.motion).astype(float)
    assert (swapped.sum((1, 2, 3)).argmax(1) == batch["colour"].roll(1).numpy()).mean() > 0.8


def test_videos_are_as_long_as_asked() -> None:
    learner = tiny()
    assert learner.sample(2).shape == (2, 4, 8, 8, 3)
    assert learner.sample(2, 7).shape == (2, 7, 8, 8, 3)
    with pytest.raises(ValueError, match=r"videos must be uint8 \(n, at least 1, 8, 8, 3\)"):
        learner.encode_videos(torch.zeros(2, 8, 8, 3).byte())
