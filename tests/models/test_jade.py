"""The classifiers with few labels: JADE's objective by hand, alignment, networks, what they learn."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unknot.models.image.bottleneck_classifiers import (
    PairedClassifier,
    SingleClassifier,
    contrastive_alignment,
)
from unknot.models.image.bottleneck_networks import encoder, mirrored_decoder, primary_widths
from unknot.models.image.jade import JADE
from unknot.models.image.jade_decoder import JADEDecoder
from unknot.representation import train
from unknot.representation.gaussian import Gaussian

SMALL: dict[str, Any] = {"shape": (8, 8, 3), "classes": 2, "width": 8, "hidden": 16, "latent_dim": 2}
PAIRED: dict[str, Any] = SMALL | {"other_shape": (8, 8, 1)}


def weighted(network: nn.Sequential) -> list[nn.Linear | nn.Conv2d]:
    """Return a network's layers that have weights."""
    return [layer for layer in network if isinstance(layer, nn.Linear | nn.Conv2d)]


def test_networks_have_the_papers_layers() -> None:
    layers = weighted(encoder((32, 32, 3), primary_widths(64), 10, False))
    assert [each.weight.shape[0] for each in layers] == [64, 96, 64, 8, 10]
    decoder = mirrored_decoder((32, 32, 3), primary_widths(64), 20, False)
    assert [each.weight.shape[0] for each in weighted(decoder)] == [128, 64, 96, 64, 3]
    assert decoder(torch.zeros(2, 20)).shape == (2, 3, 32, 32)
    model = JADE()
    assert model.encode(np.zeros((2, 32, 32, 3), np.uint8)).shape == (2, 20)
    assert model.other_decoder(torch.zeros(2, 20)).shape == (2, 1, 32, 32)
    assert [layer.p for layer in model.labels if isinstance(layer, nn.Dropout)] == [0.5] * 3
    with pytest.raises(ValueError, match="multiples of 8"):
        SingleClassifier(shape=(28, 28, 1))


def test_the_divergence_of_two_gaussians_by_hand() -> None:
    ours = Gaussian(torch.tensor([[1.0], [0.0]]), torch.zeros(2, 1))
    theirs = Gaussian(torch.zeros(2, 1), torch.tensor([[math.log(4)], [0.0]]))
    expected = [math.log(2) + (1 + 1) / 8 - 0.5, 0]
    assert ours.kl(theirs).tolist() == pytest.approx(expected)


def constant(network: nn.Sequential, values: list[float]) -> None:
    """Let a network's last layer return these values whatever it sees."""
    last = weighted(network)[-1]
    assert last.bias is not None
    nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor(values)


def test_the_objective_by_hand() -> None:
    model = JADE(
        label_weight=3, match_weight=5, kl_weight=2, variance=0.25, style_dim=1, learning_rate=1e-9, **PAIRED
    )
    # Means, then logarithms of variances, of two dimensions of content and one of style.
    constant(model.encoder, [1.0, 0.0, 2.0, 0.0, 0.0, 0.0])
    constant(model.other_encoder, [0.0, 0.0, 0.0, math.log(4), 0.0, 0.0])
    for decoder, channels in ((model.decoder, 3), (model.other_decoder, 1)):
        constant(decoder, [0.0] * channels)  # pixels of a half
    constant(model.labels, [math.log(3), 0.0])  # the first class has 3/4
    white, black = torch.full((2, 8, 8, 3), 255, dtype=torch.uint8), torch.zeros(2, 8, 8, 1).byte()
    labels, others = torch.tensor([0, 1]), torch.tensor([0, 0])
    terms = model.update({"observation": white, "label": labels, "other": black, "other_label": others})
    entropy = -(math.log(3 / 4) + math.log(1 / 4)) / 2
    expected = {
        "reconstruction": 192 * 0.25 / (2 * 0.25),
        "cross_entropy": entropy,
        "kl": (1 + 4) / 2,
        "other_reconstruction": 64 * 0.25 / (2 * 0.25),
        "other_cross_entropy": -math.log(3 / 4),
        "other_kl": (4 - 1 - math.log(4)) / 2,
        "match": math.log(2) + 2 / 8 - 0.5,  # of the first rows alone, whose classes are equal
    }
    assert {name: float(term) for name, term in terms.items()} == pytest.approx(expected, rel=1e-5)
    loss = expected["reconstruction"] + expected["other_reconstruction"]
    loss += 3 * (entropy - math.log(3 / 4)) + 2 * (2.5 + expected["other_kl"]) + 5 * expected["match"]
    as_tensors = {name: torch.tensor(value) for name, value in expected.items()}
    assert float(model._loss(as_tensors)) == pytest.approx(loss, rel=1e-5)
    model.warm_up = 4  # of which one update is done
    less = 0.75 * (2 * (2.5 + expected["other_kl"]) + 5 * expected["match"])
    assert float(model._loss(as_tensors)) == pytest.approx(loss - less, rel=1e-5)


@pytest.mark.parametrize("anchored", [False, True])
def test_an_anchored_match_moves_the_primary_codes_alone(anchored: bool) -> None:
    model = JADE(anchored=anchored, **PAIRED)
    content = Gaussian(*model.encoder(torch.rand(4, 3, 8, 8)).chunk(2, 1))
    other = Gaussian(*model.other_encoder(torch.rand(4, 1, 8, 8)).chunk(2, 1))
    torch.autograd.backward(model._match(content, other, torch.ones(4, dtype=torch.bool)))
    assert all(p.grad is not None for p in model.encoder.parameters())
    assert all((p.grad is None) == anchored for p in model.other_encoder.parameters())


def test_the_rate_falls_to_nothing_over_the_updates() -> None:
    model = SingleClassifier(learning_rate=0.1, steps=4, **SMALL)
    rates = []
    for step in range(5):
        before = model.encode(bars(0)["observation"])
        model.update(bars(step))
        rates.append(model.optimizers["adam"].param_groups[0]["lr"])
        assert torch.equal(before, model.encode(bars(0)["observation"])) == (step == 4)
    half = math.sqrt(0.5)
    assert rates == pytest.approx([0.1, 0.05 * (1 + half), 0.05, 0.05 * (1 - half), 0])


def test_without_pairs_nothing_is_matched() -> None:
    model = JADE(**PAIRED)
    images, others = torch.zeros(1, 8, 8, 3).byte(), torch.zeros(1, 8, 8, 1).byte()
    batch = {"observation": images, "label": torch.tensor([0]), "other": others}
    assert float(model.update(batch | {"other_label": torch.tensor([1])})["match"]) == 0


def test_the_alignment_by_hand() -> None:
    codes, others = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.6, 0.8], [30.0, 40.0]])
    labels = torch.tensor([0, 1, 1])
    # Of one class 5 apart; of two classes 1 apart, with 2 as the margin; of two classes far apart.
    loss = contrastive_alignment(codes, torch.tensor([0]), others, labels, margin=2.0)
    assert loss.item() == pytest.approx((25 / 2 + (2 - 1) ** 2 / 2 + 0) / 3, rel=1e-5)


def bars(step: int) -> dict[str, Tensor]:
    """Return images whose class is the row of a bar, and whose style is the brightness of the rest."""
    rng = np.random.default_rng(step)
    labels = rng.integers(2, size=32)
    images = np.repeat(rng.integers(0, 130, (2, 32, 1, 1, 1)), 8, 2).repeat(8, 3)
    for row, label in enumerate(labels):
        images[:, row, 2 + 3 * label] = 255
    batch = {"observation": torch.from_numpy(images[0].repeat(3, -1).astype(np.uint8))}
    batch |= {"other": torch.from_numpy(images[1].astype(np.uint8))}
    return batch | dict.fromkeys(("label", "other_label"), torch.from_numpy(labels))


@pytest.mark.parametrize(
    "model",
    [
        lambda: SingleClassifier(dropout=0.1, learning_rate=5e-3, **SMALL),
        lambda: PairedClassifier(dropout=0.1, alignment=0.2, learning_rate=5e-3, **PAIRED),
    ],
    ids=["single", "paired"],
)
def test_classifiers_learn_to_read_labels(model: Any) -> None:
    torch.manual_seed(0)
    learner = model()
    train(learner, bars, 150, progress=False)
    tested = bars(1000)
    assert (learner.logits(tested["observation"]).argmax(1) == tested["label"]).float().mean() > 0.95
    if isinstance(learner, PairedClassifier):
        assert (learner.other_logits(tested["other"]).argmax(1) == tested["label"]).float().mean() > 0.95


def test_jade_puts_labels_into_content_and_matches_the_sets() -> None:
    torch.manual_seed(0)
    learner = JADE(style_dim=2, dropout=0.1, label_weight=30, variance=0.1, learning_rate=5e-3, **PAIRED)
    train(learner, bars, 300, progress=False)
    tested = bars(1000)
    labels = tested["label"].numpy()
    with torch.no_grad():
        codes = learner.encode(tested["observation"]).numpy()
        others = learner.encode_other(tested["other"]).numpy()
        assert (learner.logits(tested["observation"]).argmax(1).numpy() == labels).mean() > 0.95
        assert (learner.other_logits(tested["other"]).argmax(1).numpy() == labels).mean() > 0.95
        images = learner.decode(torch.from_numpy(codes)).numpy()
    centres = np.stack([codes[labels == k, :2].mean(0) for k in (0, 1)])
    apart = np.linalg.norm(centres[0] - centres[1])
    for k in (0, 1):  # the sets' centres are closer than those of the classes
        assert np.linalg.norm(centres[k] - others[labels == k, :2].mean(0)) < apart / 2
    assert np.abs(images - tested["observation"].numpy() / 255).mean() < 0.15


def halves(step: int) -> dict[str, Tensor]:
    """Return images whose bright half tells the class, of any brightness."""
    rng = np.random.default_rng(step)
    labels, light = rng.integers(2, size=16), rng.integers(100, 256, size=16)
    images = np.zeros((16, 8, 8, 3), np.uint8)
    for image, label, value in zip(images, labels, light, strict=True):
        image[:, 4 * label : 4 * label + 4] = value
    found = {"observation": torch.from_numpy(images), "label": torch.from_numpy(labels)}
    return found | {"other": found["observation"][..., :1], "other_label": found["label"]}


def test_a_decoder_learns_to_keep_the_digit_under_another_style() -> None:
    torch.manual_seed(0)
    jade = JADE(**PAIRED, style_dim=2, label_weight=100.0, learning_rate=3e-3)
    train(jade, halves, 300, progress=False)
    torch.manual_seed(1)
    fresh = JADEDecoder(**PAIRED, style_dim=2, learning_rate=3e-3, steps=200)
    new = {name: value for name, value in fresh.state_dict().items() if name.startswith("decoder.")}
    fresh.load_state_dict(jade.state_dict() | new | {"updates": fresh.updates})

    def kept() -> float:
        batch = halves(999)
        codes = fresh.encode(batch["observation"])
        exchanged = fresh.decode(torch.cat([codes[:, :2], codes[:, 2:].roll(1, 0)], 1))
        read = fresh.logits((255 * exchanged).round().byte()).argmax(1)
        return float((read == batch["label"]).float().mean())

    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    assert kept() < 0.8
    train(fresh, halves, 200, progress=False)
    assert kept() == 1
    after = fresh.state_dict()
    last = len(fresh.encoder) - 1
    for name in (f"encoder.{last}.weight", f"encoder.{last}.bias"):  # means, then log variances
        same = [torch.equal(*rows) for rows in zip(after[name], before[name], strict=True)]
        assert same == [True, True, False, False] * 2
        after[name] = before[name]
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert all(name.startswith("decoder.") or name == "updates" for name in changed)
