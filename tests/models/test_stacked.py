from typing import Any

import pytest
import torch

from unknot.models.image.penalised_autoencoder import PenalisedAutoencoder
from unknot.models.penalties import covariance_penalty, l1_penalty
from unknot.models.stacked import StackedNetworks


def networks(**options: Any) -> StackedNetworks:
    torch.manual_seed(0)
    defaults: dict[str, Any] = {
        "sizes": [4, 3, 4],
        "weights": [0.0, 0.5, 0.5],
        "penalties": ["covariance", "covariance", "l1"],
        "steps": 10,
    }
    return StackedNetworks(**(defaults | options))


def test_a_network_learns_as_it_does_alone() -> None:
    together = networks()
    x = torch.randn(20, 3, 4)
    alone = []
    for k in range(3):
        single = networks(weights=[together.weights[k]], penalties=[together.penalties[k]])
        single.load_state_dict({
            name: tensor if name == "done" else tensor[k : k + 1].clone()
            for name, tensor in together.state_dict().items()
        })  # fmt: skip
        alone.append(single)
    for _ in range(3):
        together.update({"input": x, "target": x})
        for k, single in enumerate(alone):
            single.update({"input": x[:, k : k + 1], "target": x[:, k : k + 1]})
    for k, single in enumerate(alone):
        torch.testing.assert_close(together.last_hidden(x)[:, k], single.last_hidden(x[:, k : k + 1])[:, 0])


def test_reported_scalars_match_a_calculation_by_hand() -> None:
    learner = networks(weights=[1.0, 1.0], penalties=["covariance", "l1"])
    x = torch.randn(8, 2, 4)
    codes = [x[:, k] @ learner.matrices[0][k] + learner.biases[0][k] for k in range(2)]
    outputs = [code @ learner.matrices[1][k] + learner.biases[1][k] for k, code in enumerate(codes)]
    scalars = learner.update({"input": x, "target": x})
    penalties = torch.stack([covariance_penalty(codes[0]), l1_penalty(codes[1])])
    errors = torch.stack([(outputs[k] - x[:, k]).square().mean() for k in range(2)])
    assert float(scalars["penalty"]) == pytest.approx(penalties.mean().item(), rel=1e-5)
    assert float(scalars["error"]) == pytest.approx(errors.mean().item(), rel=1e-5)


def test_logistic_networks_learn_xor() -> None:
    learner = networks(
        sizes=[2, 4, 4, 1],
        weights=[0.0] * 10,
        penalties=["covariance"] * 10,
        steps=400,
        logistic=True,
        learning_rate=0.2,
    )
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])[:, None].expand(-1, 10, -1)
    y = torch.tensor([0.0, 1.0, 1.0, 0.0])[:, None, None].expand(-1, 10, -1)
    for _ in range(400):
        learner.update({"input": x, "target": y})
    assert float((learner.errors(x, y) < 0.1).float().mean()) >= 0.8  # untrained ones have 0.6 and more


def test_a_penalty_keeps_only_the_dimensions_of_the_data() -> None:
    learner = networks(
        sizes=[6, 5, 6], weights=[0.0, 0.3], penalties=["covariance"] * 2, steps=400, learning_rate=0.05
    )
    data = (torch.randn(128, 2) @ torch.randn(2, 6))[:, None].expand(-1, 2, -1)
    for _ in range(400):
        learner.update({"input": data, "target": data})
    variances = learner.last_hidden(data).detach().var(0)
    shares = (variances / variances.sum(1, keepdim=True)).sort(1, descending=True).values
    assert float(shares[1, :2].sum()) > 0.999 > 0.99 > float(shares[0, :2].sum())
    assert float(learner.errors(data, data)[1].detach()) < 0.01 * float(data.square().mean())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": [2, 2]}, "hidden layer"),
        ({"weights": [1.0]}, "one for each weight"),
        ({"penalties": ["l1", "l1", "l2"]}, "l2"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        networks(**options)


def test_the_rate_falls_linearly_to_zero_and_stays_there() -> None:
    learner, x = networks(steps=2, learning_rate=0.5), torch.randn(8, 3, 4)
    rates = []
    for _ in range(4):
        learner.update({"input": x, "target": x})
        rates.append(learner.optimizers["adam"].param_groups[0]["lr"])
    assert rates == [0.5, 0.25, 0, 0]


def test_the_autoencoder_of_images_has_the_papers_layers_and_decodes_images() -> None:
    learner = PenalisedAutoencoder(penalty="covariance")
    linear = [layer for layer in learner.encoder if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in linear] == [104, 84]
    assert linear[0].in_features == 32 * 8 * 8
    images = torch.randint(256, (3, 32, 32, 3), dtype=torch.uint8)
    decoded = learner.decode(learner.encode(images))
    assert decoded.shape == (3, 32, 32, 3)
    expected = learner.decoder(learner.encoder(images.movedim(-1, 1) / 255))
    torch.testing.assert_close(decoded, expected.movedim(1, -1))
    error = float((decoded - images / 255).square().mean().detach())
    assert float(learner.update({"observation": images})["error"]) == pytest.approx(error, rel=1e-5)
