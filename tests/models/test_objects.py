"""Models of scenes: sets of vectors, what the bounds count, selection, and that they learn."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unknot.models.data.scenes import Scenes
from unknot.models.data.stream import stream
from unknot.models.image.networks import bernoulli
from unknot.models.objects.entity import EntityAutoencoder
from unknot.models.objects.multi_entity import MultiEntityVAE
from unknot.models.objects.slot_attention import SlotAttention
from unknot.models.objects.whole_scene import SceneVAE
from unknot.representation import train
from unknot.representation.learner import anneal

SMALL: dict[str, Any] = {"shape": (16, 16, 3), "entities": 3, "entity_dim": 4, "grid": 4, "width": 8}
SMALL |= {"hidden": 16, "maps": 4}


def made(kind: Any = MultiEntityVAE, **settings: Any) -> Any:
    torch.manual_seed(0)
    return kind(**SMALL | settings).eval()


def scenes(n: int = 6) -> Tensor:
    return stream(Scenes(pixels=16), n, 0)(0)["observation"]


def test_the_order_of_vectors_has_no_effect_and_any_number_decodes() -> None:
    learner, z = made(), torch.randn(2, 5, 4)
    torch.testing.assert_close(learner.decode_entities(z), learner.decode_entities(z[:, [4, 1, 0, 3, 2]]))
    torch.testing.assert_close(learner.decode_entities(z[:, :1]), learner.decode_entities(z[:, [0, 0]]))
    without = learner.without_each(z)
    torch.testing.assert_close(without[:, 1], learner.decode_entities(z[:, [0, 2, 3, 4]]))


def test_a_vector_whose_maps_are_below_0_adds_nothing() -> None:
    learner, z = made(), torch.randn(2, 2, 4)
    dense = learner.g[2]
    dense.weight.data.zero_()
    dense.bias.data.fill_(-1.0)
    for layer in learner.g[5:]:
        if isinstance(layer, torch.nn.Conv2d):  # keeps the sign
            layer.weight.data.abs_()
            assert layer.bias is not None
            layer.bias.data.zero_()
    empty = learner.h(torch.zeros(1, 4, 8, 8)).sigmoid().movedim(1, -1)
    torch.testing.assert_close(learner.decode_entities(z), empty.expand(2, -1, -1, -1))


def test_a_vector_adds_what_none_before_it_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = made()
    maps = torch.tensor([[2.0, 2.0, 0.0], [1.0, 0.0, 0.0], [4.0, 0.0, 4.0], [-1.0, 0.0, -1.0]])
    monkeypatch.setattr(learner, "_maps", lambda z: maps.reshape(1, 4, 1, 1, 3))
    # the third has 2 more than the first where both draw, and 4 elsewhere; the last draws nothing
    torch.testing.assert_close(learner.added(torch.zeros(1, 4, 4)), torch.tensor([[1.0, 0.0, 6 / 8, 0.0]]))


def by_hand(learner: EntityAutoencoder, images: Tensor, z: Tensor) -> Tensor:
    """Return -log p(x | z), by the equation."""
    maps = torch.stack([learner.g(z[:, k]) for k in range(z.shape[1])]).amax(0).clamp(min=0)
    return 4 * bernoulli(learner.h(maps), images.movedim(-1, 1) / 255)


@pytest.mark.parametrize("bound", ["all", "selected"])
def test_the_bound_counts_the_kl_of_all_candidates_or_of_the_selected(bound: str) -> None:
    learner, images = made(bound=bound, likelihood_weight=4.0), scenes()
    mean, log_variance = learner.encoder(images.movedim(-1, 1) / 255).flatten(2).movedim(1, 2).chunk(2, 2)
    kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(2) / 2
    order = kl.argsort(1, descending=True)[:, :3]
    paid = kl.sum(1) if bound == "all" else kl.gather(1, order).sum(1)
    index = order[..., None].expand(-1, -1, 4)
    torch.manual_seed(1)
    z = mean.gather(1, index) + (log_variance.gather(1, index) / 2).exp() * torch.randn(6, 3, 4)
    torch.manual_seed(1)
    found = learner.negative_bound(images)
    torch.testing.assert_close(found[0], by_hand(learner, images, z))
    torch.testing.assert_close(found[1], paid)
    torch.testing.assert_close(learner.encode(images), mean.gather(1, index).flatten(1))
    torch.manual_seed(1)
    scalars = learner.update({"observation": images})
    torch.testing.assert_close(scalars["kl"], paid.mean())
    torch.testing.assert_close(scalars["reconstruction"], by_hand_before(bound, images, z))
    torch.testing.assert_close(learner.smoothed, found.sum(0).mean())


def by_hand_before(bound: str, images: Tensor, z: Tensor) -> Tensor:
    """Return the error of the learner as it was before an update."""
    return by_hand(made(bound=bound, likelihood_weight=4.0), images, z).mean()


def test_neighbours_of_a_peak_are_selected_last() -> None:
    kl = torch.zeros(1, 4, 4)
    kl[0, 0, 0], kl[0, 0, 1], kl[0, 3, 3] = 9.0, 8.0, 2.0
    kl[0, 1:, 0] = torch.tensor([1.0, 0.9, 1.5])
    flat = kl.flatten(1)
    assert made()._select(flat).tolist() == [[0, 1, 15]]
    assert made(suppress=True)._select(flat).tolist() == [[0, 15, 12]]


def test_the_plain_vae_decodes_one_vector_as_large_as_all() -> None:
    learner, images = made(SceneVAE, likelihood_weight=4.0), scenes()
    found = learner.entities_of(images)
    assert found.mean.shape == (6, 1, 12)
    assert learner.encode(images).shape == made().encode(images).shape
    torch.manual_seed(1)
    z = found.mean + (found.log_variance / 2).exp() * torch.randn(6, 1, 12)
    torch.manual_seed(1)
    error, kl = learner.negative_bound(images)
    torch.testing.assert_close(error, by_hand(learner, images, z))
    torch.testing.assert_close(kl, found.kl[:, 0])
    torch.testing.assert_close(learner.decode(learner.encode(images)), learner.decode_entities(found.mean))


def test_the_rate_falls_along_half_a_cosine() -> None:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
    rates = []
    for done in (0, 5, 10, 20):
        anneal(optimizer, done, 10, 1.0, 0.2)
        rates.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, [1.0, 0.6, 0.2, 0.2])


def test_masks_of_slots_share_each_pixel() -> None:
    torch.manual_seed(0)
    learner = SlotAttention(shape=(16, 16, 3), slots=3, slot_dim=8, width=8).eval()
    images = scenes()
    slots = learner.slots_of(images)
    parts = learner.parts(slots)
    torch.testing.assert_close(parts.masks.sum(1), torch.ones(6, 16, 16))
    blended = (parts.images * parts.masks[:, :, None]).sum(1).clamp(0, 1).movedim(1, -1)
    torch.testing.assert_close(learner.decode(learner.encode(images)), blended)
    torch.testing.assert_close(learner.encode(images), slots.flatten(1))  # the same starts each time


@pytest.mark.parametrize("kind", [MultiEntityVAE, SceneVAE])
def test_a_few_updates_reconstruct_better_than_black(kind: Any) -> None:
    source = Scenes(objects=1, presence=1.0, pixels=16)
    sizes = {"entity_dim": 6, "entities": 2, "hidden": 64, "likelihood_weight": 16.0}
    learner = made(kind, **sizes, steps=600, learning_rate=1e-2)
    images = stream(source, 64, 1)(0)["observation"]
    black, before = float((images / 255).square().mean()), error_of(learner, images)
    train(learner, stream(source, 16, 0), 250, progress=False)
    assert error_of(learner, images) < 0.7 * black < before


def test_slots_learn_the_colour_of_plain_images() -> None:
    def plain(step: int) -> dict[str, Tensor]:
        colours = np.random.default_rng(step).integers(0, 256, (16, 1, 1, 3), dtype=np.uint8)
        return {"observation": torch.from_numpy(colours.repeat(16, 1).repeat(16, 2))}

    torch.manual_seed(0)
    learner = SlotAttention(shape=(16, 16, 3), slots=2, slot_dim=16, width=8, steps=300, learning_rate=5e-3)
    images = plain(1000)["observation"]
    constant = float((images / 255).var((0, 1, 2), correction=0).mean())
    before = error_of(learner, images)
    train(learner, plain, 150, progress=False)
    assert error_of(learner, images) < 0.5 * constant < before


@torch.no_grad()
def error_of(learner: Any, images: Tensor) -> float:
    return float((learner.decode(learner.encode(images)) - images / 255).square().mean())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: made(bound="none"), "unknown bound 'none'"),
        (lambda: made(entities=17), "entities must be at most 16, the grid's cells, not 17"),
        (lambda: made(shape=(24, 24, 3)), "shape must have one height and width"),
        (lambda: made(suppress=1), "suppress must be True or False, not 1"),
        (lambda: made().without_each(torch.zeros(1, 1, 4)), "z must have at least two vectors"),
        (lambda: SlotAttention(shape=(24, 24, 3)), "shape must have one height and width, a power of 2"),
        (lambda: SlotAttention(slots=1), "slots must be at least 2, not 1"),
        (lambda: made().encode(torch.zeros(1, 8, 8, 3, dtype=torch.uint8)), "images must be"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
