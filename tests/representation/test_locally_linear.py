"""The locally linear learners: their algebra, their options, their interface."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import unknot  # noqa: F401  # registers the environments
from tests.representation.small_locally_linear import SMALL, bent, fresh, normal
from unknot.representation import E2C, RCE, LocallyLinear, train
from unknot.representation.locally_linear import Matrices, _one_cycle
from unknot.representation.obstacles import FourierFeatures, obstacle_classifier

Images = NDArray[np.uint8]


def pictures(*shape: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# Algebra


def test_linearize_is_the_first_order_expansion_of_step() -> None:
    learner = bent(fresh(RCE, latent_dim=3)).double()
    z, u = normal(6, 3).double(), normal(6, 2, seed=1).double()

    def step(z: Tensor, u: Tensor) -> Tensor:
        return learner.step(z[None], u[None])[0]

    A, B, c = learner.linearize(z, u)
    full_A, full_B = torch.func.vmap(torch.func.jacrev(step, argnums=(0, 1)))(z, u)
    torch.testing.assert_close(A, full_A)
    torch.testing.assert_close(B, full_B)
    again = torch.einsum("nij,nj->ni", A, z) + torch.einsum("nij,nj->ni", B, u) + c
    torch.testing.assert_close(again, learner.step(z, u))
    own = learner.matrices(z)
    assert (A - own.A).abs().max() > 0.01  # the papers' A leaves out how A itself depends on z
    assert not A.requires_grad


def test_step_applies_the_matrices_of_its_own_point() -> None:
    learner = bent(fresh(RCE, latent_dim=3))
    z, u = normal(6, 3), normal(6, 2, seed=1)
    own = learner.matrices(z)
    expected = torch.einsum("nij,nj->ni", own.A, z) + torch.einsum("nij,nj->ni", own.B, u) + own.c
    torch.testing.assert_close(learner.step(z, u), expected)


def test_before_training_an_action_moves_by_the_gain() -> None:
    z, u = normal(4, 2), normal(4, 2, seed=1)
    torch.testing.assert_close(fresh(RCE, gain=0.3).step(z, u), z + 0.3 * u)


def test_invert_undoes_apply_and_returns_the_determinant() -> None:
    matrices = Matrices(normal(9, 3), normal(9, 3, seed=1), normal(9, 3, 2, seed=2), normal(9, 3, seed=3))
    z, u = normal(9, 3, seed=4), normal(9, 2, seed=5)
    back, log_determinant = matrices.invert(matrices.apply(z, u), u)
    torch.testing.assert_close(back, z, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(log_determinant, torch.linalg.slogdet(matrices.A).logabsdet)


def test_a_singular_matrix_has_a_finite_inverse() -> None:
    v = torch.tensor([[1.0, 0.0]])
    flat = Matrices(v, -v, torch.zeros(1, 2, 2), torch.zeros(1, 2))
    back, log_determinant = flat.invert(torch.ones(1, 2), torch.zeros(1, 2))
    assert back.isfinite().all()
    assert log_determinant.isfinite().all()


def test_fourier_features_compare_points_within_their_width() -> None:
    torch.manual_seed(0)
    points = 0.5 * normal(20, 2)
    features = FourierFeatures(2, 20000, width=0.4)(points)
    expected = (-torch.cdist(points, points).square() / (2 * 0.4**2)).exp()
    torch.testing.assert_close(features @ features.T / 20000, expected, atol=0.03, rtol=0)


# Views


def test_views_of_three_sets_are_learnt() -> None:
    learner = fresh(RCE, content_dim=2, sets=3, views=True)
    assert learner.views is not None
    for seed in range(3):
        terms = learner.update(small_batch(seed, sets=3))
        assert all(np.isfinite(float(term)) for term in terms.values())
    assert learner.views.cameras.abs().amax((1, 2)).min() > 1e-4


def test_views_need_content() -> None:
    with pytest.raises(ValueError, match="views=True reads the camera off the content, but content_dim is 0"):
        RCE(views=True)


def test_each_set_has_its_own_initial_background_which_does_not_change_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner = fresh(RCE, content_dim=2, sets=2, views=True)
    backgrounds = [pictures(1, 8, 12, 1, seed=seed) for seed in (1, 2)]
    learner.calibrate(*backgrounds)
    contents = [torch.full((1, 2), 9.0), torch.full((1, 2), -9.0)]
    z, codes, decoded, things = normal(1, 2), [], [], []
    for images, w in zip(backgrounds, contents, strict=True):
        contents_of_set = torch.cat([w, w], 1)
        monkeypatch.setattr(
            learner.content_head, "forward", lambda pooled, contents_of_set=contents_of_set: contents_of_set
        )
        codes.append(learner.encode(images))
        things.append(learner.decoder(z, w) - learner.decoder.background)
        decoded.append(
            torch.logit(learner.decode(z, w)) - torch.logit((torch.tensor(images) / 255).clamp(0.02, 0.98))
        )
    torch.testing.assert_close(codes[0], codes[1], atol=1e-4, rtol=0)
    for image, thing in zip(decoded, things, strict=True):
        torch.testing.assert_close(image, thing.movedim(1, -1), atol=1e-2, rtol=1e-2)


# Aids


@pytest.mark.parametrize(
    ("settings", "missing"), [({"gauge": 0.0}, "gauge"), ({"pull": 0.0}, "pull"), ({"swap": 0.0}, "swap")]
)
def test_an_aid_of_weight_0_is_off(settings: dict[str, float], missing: str) -> None:
    batch = small_batch(sets=2)
    terms = fresh(RCE, content_dim=2, sets=2).update(batch)
    without = fresh(RCE, content_dim=2, sets=2, **settings).update(batch)
    assert terms.keys() - without.keys() == {missing}


def test_the_gauge_fixes_the_shared_drive() -> None:
    fixed, loose = fresh(RCE), fresh(RCE, gauge=0.0)
    for learner in (fixed, loose):
        train(learner, lambda step: small_batch(seed=step), 3, progress=False)
    assert torch.equal(fixed.B, 0.1 * torch.eye(2))
    assert not torch.equal(loose.B, 0.1 * torch.eye(2))


def test_a_move_is_free_if_it_ends_where_its_action_says() -> None:
    learner = fresh(RCE)
    learner.spread.fill_(0.05)
    z, landing = torch.zeros(4, 2), torch.tensor([[0.3, 0.0]]).expand(4, 2)
    after = torch.tensor([[0.3, 0.0], [0.35, 0.05], [0.0, 0.0], [-0.1, 0.2]])
    free = learner._freedom(z, after, landing)
    assert free[:2].min() > 0.9
    assert free[2:].max() < 0.1
    learner.spread.fill_(10.0)  # however large the usual residual
    assert learner._freedom(z, after, landing)[2] == 0


def test_without_blocked_every_move_is_free_and_obstacles_are_unknown() -> None:
    learner = fresh(RCE, blocked=False)
    assert learner.update(small_batch())["free"] == 1
    learner.survey(triples())
    assert (learner.obstruction(normal(5, 2)) < -5).all()
    assert torch.equal(learner.landmarks, learner.encode_all(triples()["observation"])[:4])


# Interface


def triples(n: int = 8, seed: int = 0, **settings: Any) -> dict[str, Any]:
    shape = settings.get("shape", SMALL["shape"])
    return {
        "observation": pictures(n, *shape, seed=seed),
        "action": np.random.default_rng(seed).uniform(-3, 3, (n, 2)).astype(np.float32),
        "next_observation": pictures(n, *shape, seed=seed + 1),
    }


def small_batch(seed: int = 0, sets: int = 1, **settings: Any) -> dict[str, Tensor]:
    batch = triples(seed=seed, **settings)
    if sets > 1:
        batch["passive"] = pictures(8, sets - 1, *settings.get("shape", SMALL["shape"]), seed=seed + 2)
    return {name: torch.as_tensor(array) for name, array in batch.items()}


def test_encode_takes_arrays_and_tensors() -> None:
    learner = fresh(RCE, content_dim=3)
    images = pictures(6, 8, 12, 1)
    codes = learner.encode(images)
    assert codes.shape == (6, 2)
    assert torch.equal(learner.encode(torch.from_numpy(images)), codes)
    assert torch.equal(learner.posterior(images).mean, codes)
    assert learner.content(images).shape == (6, 3)
    torch.testing.assert_close(learner.encode_all(images, batch=4), codes)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 8, 12, 1), np.float32), "images must be uint8"),
        (pictures(8, 12, 1), r"images must be uint8 .* \(8, 12, 1\)"),
        (pictures(2, 12, 8, 1), r"of \(8, 12, 1\), not \(2, 12, 8, 1\)"),
        (pictures(2, 8, 12, 3), r"of \(8, 12, 1\), not \(2, 8, 12, 3\)"),
        (pictures(2, 1, 1, 1), r"of \(8, 12, 1\), not \(2, 1, 1, 1\)"),
    ],
)
def test_images_of_another_kind_are_refused(images: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fresh(RCE).encode(images)


def test_decode_uses_the_content_of_the_first_set_by_default() -> None:
    learner = fresh(RCE, content_dim=2, sets=2)
    learner.content_means.copy_(normal(2, 2))
    z = normal(3, 2)
    images = learner.decode(z)
    assert images.shape == (3, 8, 12, 1)
    assert images.min() >= 0
    assert images.max() <= 1
    assert torch.equal(images, learner.decode(z, learner.content_means[0].expand(3, 2)))
    assert not torch.equal(images, learner.decode(z, learner.content_means[1].expand(3, 2)))


@pytest.mark.parametrize("kind", [RCE, E2C])
@pytest.mark.parametrize(
    "settings",
    [
        {"sets": 3},
        {"shape": (12, 8, 3)},
        {"sets": 2, "action_dim": 2, "latent_dim": 4},
        {"blocked": False},
    ],
)
def test_any_number_of_sets_and_any_shape_can_be_learnt(
    kind: type[LocallyLinear], settings: dict[str, Any]
) -> None:
    content = {"content_dim": 2} if kind is RCE else {}
    learner = fresh(kind, **settings, **content)
    before = learner.encode(pictures(4, *learner.shape))
    for seed in range(3):
        terms = learner.update(small_batch(seed, **{"sets": 1} | settings))
        assert all(np.isfinite(float(term)) for term in terms.values())
    assert (learner.encode(pictures(4, *learner.shape)) - before).abs().max() > 1e-4
    assert learner.content_means.isfinite().all()


def test_passive_images_of_another_number_of_sets_are_refused() -> None:
    for sets, given in [(1, 2), (3, 2)]:
        with pytest.raises(ValueError, match=rf"expected \(n, {sets - 1}, .* for {sets} sets"):
            fresh(RCE, content_dim=2, sets=sets).update(small_batch(sets=given))


def test_the_mean_content_of_each_set_is_remembered() -> None:
    learner = fresh(RCE, content_dim=2, sets=3)
    batch = small_batch(sets=3)
    sources = [batch["next_observation"], batch["passive"][:, 0], batch["passive"][:, 1]]
    with torch.no_grad():
        means = torch.stack([learner.content(images).mean(0) for images in sources])
    learner.update(batch)
    torch.testing.assert_close(learner.content_means, 0.02 * means)


def test_the_rate_rises_for_three_tenths_of_training_and_falls_to_zero() -> None:
    shares = [_one_cycle(progress) for progress in (0, 0.15, 0.3, 0.65, 1)]
    assert shares == pytest.approx([0.04, 0.52, 1, 0.5, 0])


def test_an_obstacle_classifier_has_one_output() -> None:
    assert obstacle_classifier(3, 0.1)(torch.zeros(2, 5, 3)).shape == (2, 5, 1)
