"""The generator from true factors: its capacity, its trace, and the factors that get capacity."""

import math
from typing import Any

import pytest
import torch

from unknot.models import Blob, FactorGenerator, stream
from unknot.models.image.networks import gaussian_kl

NAMES = ("target", "kl_x", "kl_y", "reconstruction")
"""The columns of the trace."""


def make_generator(*factors: str, growth: int, hidden: int) -> FactorGenerator:
    return FactorGenerator(
        factors=dict.fromkeys(factors, (0.5, 0.3)),
        shape=(16, 16, 1),
        capacity=4.0,
        growth=growth,
        width=4,
        hidden=hidden,
        learning_rate=0.002,
    )


def test_the_generator_holds_its_capacity_and_traces_what_each_factor_gets() -> None:
    learner = make_generator("x", "y", growth=250, hidden=8)
    batch_at = stream(Blob(pixels=16), 64, seed=0, factors=True)
    mean, variance = learner.moments({"x": torch.tensor([0.8, 0.2]), "y": torch.tensor([0.5, 0.5])})
    assert mean[:, 1].tolist() == [0, 0]
    kl = gaussian_kl(
        mean[:, 0], variance[0].log()
    ).mean()  # f is -1 and 1: of mean 0 and standard deviation 1
    torch.testing.assert_close(kl, learner.capacities()[0])
    scalars = [learner.update(batch_at(step)) for step in range(5)]
    first = [torch.stack([torch.as_tensor(scalars[i][name]) for name in NAMES]) for i in range(5)]
    torch.testing.assert_close(learner.trace[0], torch.stack(first[:3]).mean(0))  # 2.5 updates a interval
    torch.testing.assert_close(learner.trace[1], torch.stack(first[3:]).mean(0))
    assert learner.trace[2:].isnan().all()
    for step in range(5, 255):
        last = learner.update(batch_at(step))
    assert float(last["target"]) == 4.0
    assert float(torch.as_tensor(last["kl_x"]) + torch.as_tensor(last["kl_y"])) == pytest.approx(4)
    assert not learner.trace.isnan().any()


def test_the_generator_gives_capacity_to_what_the_images_show() -> None:
    torch.manual_seed(0)
    learner = make_generator("x", "hidden", "y", growth=300, hidden=16)
    blobs = stream(Blob(pixels=16), 64, seed=0, factors=True)
    for step in range(300):
        batch = blobs(step)
        batch["hidden"] = batch["x"][torch.randperm(64)]
        learner.update(batch)
    x, hidden, y = learner.capacities().tolist()
    assert min(x, y) > 1.5
    assert hidden < 0.4


@pytest.mark.parametrize(
    "factors", [{}, {"x": (0.0,)}, {"x": (0.0, 0.0)}, {"x": (0.0, -1.0)}, {"x": (math.nan, 1.0)}]
)
def test_factors_without_a_mean_and_a_standard_deviation_are_refused(factors: Any) -> None:
    with pytest.raises(ValueError, match=r"^factors"):
        FactorGenerator(factors=factors)
