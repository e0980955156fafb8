"""The locally linear learners: their algebra, their bounds term by term, and that they learn the plane."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal
from torch.distributions import kl_divergence as kl

import unknot  # noqa: F401  # registers the environments
from unknot.envs.planar import PlanarEnv
from unknot.representation import E2C, RCE, LocallyLinear, load_learner, minibatches, save_learner, train
from unknot.representation.gaussian import Gaussian
from unknot.representation.locally_linear import Encoding, Matrices
from unknot.representation.obstacles import FourierFeatures

SMALL: dict[str, Any] = {"shape": (8, 12, 1), "landmarks": 4, "steps": 10}
Images = NDArray[np.uint8]
L = TypeVar("L", bound=LocallyLinear)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(*shape: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def bent(learner: L) -> L:
    """Give a learner dynamics that differ from place to place, which a fresh one has not."""
    generator = torch.Generator().manual_seed(5)
    for parameter in (learner.transition[-1].weight, learner.transition[-1].bias):
        assert isinstance(parameter, Tensor)
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return learner


def fresh(kind: type[L], **settings: Any) -> L:
    torch.manual_seed(0)
    return kind(**SMALL | settings)


def same(a: LocallyLinear, b: LocallyLinear) -> bool:
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def torch_normal(gaussian: Gaussian) -> Any:  # torch.distributions are half typed
    return Independent(Normal(gaussian.mean, (gaussian.log_variance / 2).exp()), 1)


def unit_normal(mean: Tensor) -> Any:
    return Independent(Normal(mean, torch.ones_like(mean)), 1)


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


def test_invert_undoes_apply_and_knows_the_determinant() -> None:
    matrices = Matrices(normal(9, 3), normal(9, 3, seed=1), normal(9, 3, 2, seed=2), normal(9, 3, seed=3))
    z, u = normal(9, 3, seed=4), normal(9, 2, seed=5)
    back, log_determinant = matrices.invert(matrices.apply(z, u), u)
    torch.testing.assert_close(back, z, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(log_determinant, torch.linalg.slogdet(matrices.A).logabsdet)


def test_a_singular_matrix_has_a_finite_inverse_in_place_of_its_own() -> None:
    v = torch.tensor([[1.0, 0.0]])
    flat = Matrices(v, -v, torch.zeros(1, 2, 2), torch.zeros(1, 2))
    back, log_determinant = flat.invert(torch.ones(1, 2), torch.zeros(1, 2))
    assert back.isfinite().all()
    assert log_determinant.isfinite().all()


def test_gaussians_are_those_of_torch() -> None:
    a, b = (Gaussian(normal(5, 3, seed=k), normal(5, 3, seed=k + 9)) for k in (0, 1))
    value = normal(5, 3, seed=2)
    torch.testing.assert_close(a.log_prob(value), torch_normal(a).log_prob(value))
    torch.testing.assert_close(a.entropy(), torch_normal(a).entropy())
    torch.testing.assert_close(a.kl(b), kl(torch_normal(a), torch_normal(b)))


def test_samples_have_the_mean_and_the_variance() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[-1.0, 1.0]])
    samples = Gaussian(mean.expand(20000, -1), log_variance.expand(20000, -1)).sample()
    torch.testing.assert_close(samples.mean(0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(samples.var(0), log_variance[0].exp(), atol=0, rtol=0.05)


def test_fourier_features_compare_points_within_their_width() -> None:
    torch.manual_seed(0)
    points = 0.5 * normal(20, 2)
    features = FourierFeatures(2, 20000, width=0.4)(points)
    expected = (-torch.cdist(points, points).square() / (2 * 0.4**2)).exp()
    torch.testing.assert_close(features @ features.T / 20000, expected, atol=0.03, rtol=0)


# Bounds, term by term


@pytest.fixture
def no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gaussian, "sample", lambda self: self.mean)


def encoding(n: int, learner: LocallyLinear, seed: int) -> Encoding:
    def gaussian(dim: int, k: int) -> Gaussian:
        return Gaussian(normal(n, dim, seed=seed + k).requires_grad_(), normal(n, dim, seed=seed + k + 1) - 1)

    features = normal(n, learner.encoder.features, seed=seed + 5)
    dynamics, content = gaussian(learner.latent_dim, 1), gaussian(learner.content_dim, 3)
    return Encoding(features, dynamics, content, dynamics)


def log_likelihood(learner: LocallyLinear, z: Tensor, w: Tensor, images: Tensor) -> Tensor:
    drawn: Any = Bernoulli(logits=learner.decoder(z, w), validate_args=False)
    total: Tensor = drawn.log_prob(images).flatten(1).sum(1)
    return total


def test_the_bound_of_rce_is_eq_5_of_the_paper(no_noise: None) -> None:
    learner = bent(fresh(RCE, content_dim=2, sets=2, swap=0.0))
    here, after, passive = (encoding(n, learner, seed) for n, seed in [(5, 10), (5, 20), (4, 30)])
    u, free, images = normal(5, 2), torch.rand(5), torch.rand(14, 1, 8, 12)
    terms = learner.objective(here, after, passive, u, free, images)

    z_hat, w, v = after.dynamics.mean, after.content.mean, passive.dynamics.mean
    shift, log_scale = learner.backward_transition(torch.cat([here.features, z_hat, u], 1)).chunk(2, 1)
    q_bar = Gaussian(here.dynamics.mean + 0.1 * shift, here.dynamics.log_variance + log_scale)
    own = learner.matrices(q_bar.mean)
    z_t = torch.linalg.solve(own.A, z_hat - (own.B @ u[:, :, None])[..., 0] - own.c)
    log_p = torch_normal(here.dynamics).log_prob(z_t) - torch.linalg.slogdet(own.A).logabsdet
    near = (here.dynamics.log_variance.exp() + 0.1**2).sqrt()
    mixture: Any = MixtureSameFamily(
        Categorical(torch.ones(5)), Independent(Normal(here.dynamics.mean, near), 1)
    )
    priors = [unit_normal(mean.expand(n, 2)) for mean, n in [(torch.ones(2), 5), (-torch.ones(2), 4)]]
    expected = {
        "reconstruction": -log_likelihood(learner, z_hat, w, images[5:10]).mean(),
        "kl_z_bar": kl(torch_normal(q_bar), torch_normal(here.dynamics)).mean(),
        "entropy": -torch_normal(after.dynamics).entropy().mean(),
        "log_p_z": -(free * log_p).mean(),
        "kl_w": kl(torch_normal(after.content), priors[0]).mean(),
        "reconstruction_passive": -log_likelihood(learner, v, passive.content.mean, images[10:]).mean(),
        "kl_v": (torch_normal(passive.dynamics).log_prob(v) - mixture.log_prob(v)).mean(),
        "kl_w_passive": kl(torch_normal(passive.content), priors[1]).mean(),
    }
    assert terms.keys() == expected.keys()
    for name, term in terms.items():
        torch.testing.assert_close(term, expected[name], msg=lambda text, name=name: f"{name}: {text}")  # type: ignore[misc]


def test_only_the_passive_set_learns_from_its_prior(no_noise: None) -> None:
    learner = fresh(RCE, content_dim=2, sets=2)
    here, after, passive = (encoding(4, learner, seed) for seed in (10, 20, 30))
    terms = learner.objective(here, after, passive, normal(4, 2), torch.ones(4), torch.rand(12, 1, 8, 12))
    terms["kl_v"].backward()  # type: ignore[no-untyped-call]
    assert here.dynamics.mean.grad is None
    assert passive.dynamics.mean.grad is not None


def test_the_prior_of_v_is_a_density() -> None:
    learner = fresh(RCE, gain=0.3)
    axis = torch.linspace(-8, 8, 400)
    grid = torch.cartesian_prod(axis, axis)
    density = learner._mixture(grid, encoding(5, learner, 10)).exp()
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-3)


def test_the_prior_of_the_content_is_that_of_the_images_own_set(no_noise: None) -> None:
    learner = fresh(RCE, content_dim=2, sets=3, swap=0.0)
    assert len({tuple(prior) for prior in learner.content_priors.tolist()}) == 3
    here, after, passive = (encoding(n, learner, seed) for n, seed in [(3, 10), (3, 20), (6, 30)])
    terms = learner.objective(here, after, passive, normal(3, 2), torch.ones(3), torch.rand(12, 1, 8, 12))
    prior = unit_normal(learner.content_priors[1:].repeat_interleave(3, 0))
    torch.testing.assert_close(terms["kl_w_passive"], kl(torch_normal(passive.content), prior).mean())


def test_the_swap_term_asks_for_what_was_drawn() -> None:
    learner = fresh(RCE, content_dim=2, sets=2)
    here, passive = encoding(4, learner, 10), encoding(4, learner, 20)
    torch.manual_seed(3)
    loss = learner._swap_loss(here, passive)
    torch.manual_seed(3)
    z, w = here.dynamics.mean, passive.content.mean[torch.randperm(4)]
    again = learner._encode(torch.sigmoid(learner.decoder(z, w)))
    places = ((again.dynamics.mean - z) / learner.gain).square().sum(1)
    torch.testing.assert_close(loss, (4 * places + (again.content.mean - w).square().sum(1)).mean())


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


def test_each_set_begins_with_its_own_background_and_it_does_not_move_what_is_encoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner = fresh(RCE, content_dim=2, sets=2, views=True)
    backgrounds = [pictures(1, 8, 12, 1, seed=seed) for seed in (1, 2)]
    learner.calibrate(*backgrounds)
    contents = [torch.full((1, 2), 9.0), torch.full((1, 2), -9.0)]
    z, codes, drawn, things = normal(1, 2), [], [], []
    for images, w in zip(backgrounds, contents, strict=True):
        told = torch.cat([w, w], 1)
        monkeypatch.setattr(learner.content_head, "forward", lambda pooled, told=told: told)
        codes.append(learner.encode(images))
        things.append(learner.decoder(z, w) - learner.decoder.background)
        drawn.append(
            torch.logit(learner.decode(z, w)) - torch.logit((torch.tensor(images) / 255).clamp(0.02, 0.98))
        )
    torch.testing.assert_close(codes[0], codes[1], atol=1e-4, rtol=0)
    for image, thing in zip(drawn, things, strict=True):
        torch.testing.assert_close(image, thing.movedim(1, -1), atol=1e-2, rtol=1e-2)


def test_the_prior_of_v_finds_the_camera_that_the_sets_differ_by(no_noise: None) -> None:
    torch.manual_seed(0)
    learner = fresh(RCE, content_dim=2, sets=2, views=True, swap=0.0)
    views = learner.views
    assert views is not None
    true = torch.tensor([[1.6, 0.0, -0.4], [0.0, 1.4, 0.1], [0.2, 0.0, 1.0]])  # the plane of Y to that of X
    w = torch.full((64, 2), -9.0)
    optimizer = torch.optim.Adam([views.cameras], 0.02)

    def seen_by_y(z: Tensor) -> Tensor:
        after = torch.cat([z, torch.ones(len(z), 1)], 1) @ torch.linalg.inv(true).T
        seen: Tensor = after[:, :2] / after[:, 2:]
        return seen

    def error() -> float:
        z = 3.6 * torch.rand(500, 2) - 1.8
        with torch.no_grad():
            return float((views.place(seen_by_y(z), w[:1].expand(500, -1))[0] - z).norm(dim=1).mean())

    before = error()
    for _ in range(300):
        z, v = (3.6 * torch.rand(64, 2) - 1.8 for _ in range(2))
        tight = torch.full_like(z, -8.0)
        here = Encoding(z, Gaussian(z, tight), Gaussian(w, w), Gaussian(z, tight))
        place, log_determinant = views.place(seen_by_y(v), w)
        passive = Gaussian(place, tight + log_determinant[:, None])
        loss = (passive.log_prob(passive.sample()) - learner._mixture(place, here)).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        learner.updates += 1
    assert before > 0.4
    assert error() < 0.1  # of 3.6


def test_the_swap_term_leaves_the_cameras_alone() -> None:
    learner = bent(fresh(RCE, content_dim=2, sets=2, views=True))
    assert learner.views is not None
    learner._swap_loss(encoding(4, learner, 10), encoding(4, learner, 20)).backward()  # type: ignore[no-untyped-call]
    assert learner.views.cameras.grad is None
    assert learner.views.backgrounds.grad is not None


def test_the_swap_term_asks_for_nothing_that_a_camera_sees_outside_of_its_picture() -> None:
    learner = fresh(RCE, content_dim=2, sets=2, views=True)
    here, passive = encoding(4, learner, 10), encoding(4, learner, 20)
    far = here.dynamics.mean.clone()
    far[0] = 1e4  # as what lies next to the camera's own plane is seen
    loss = learner._swap_loss(replace(here, dynamics=replace(here.dynamics, mean=far)), passive)
    assert float(loss.detach()) < 1e4


def test_the_bound_of_e2c_is_that_of_its_paper(no_noise: None) -> None:
    learner = bent(fresh(E2C, consistency=0.7, sets=2))
    here, after, passive = (encoding(n, learner, seed) for n, seed in [(5, 10), (5, 20), (4, 30)])
    u, free, images = normal(5, 2), torch.rand(5), torch.rand(14, 1, 8, 12)
    terms = learner.objective(here, after, passive, u, free, images)
    z, v, w = here.dynamics.mean, passive.dynamics.mean, here.content.mean
    landing = Gaussian(learner.step(z, u), here.dynamics.log_variance)
    expected = {
        "reconstruction": -log_likelihood(learner, z, w, images[:5]).mean(),
        "prediction": -(free * log_likelihood(learner, landing.mean, w, images[5:10])).mean(),
        "kl": kl(torch_normal(here.dynamics), unit_normal(torch.zeros(5, 2))).mean(),
        "consistency": 0.7 * (free * kl(torch_normal(landing), torch_normal(after.dynamics))).mean(),
        "reconstruction_passive": -log_likelihood(learner, v, w[:4], images[10:]).mean(),
        "kl_passive": kl(torch_normal(passive.dynamics), unit_normal(torch.zeros(4, 2))).mean(),
    }
    assert terms.keys() == expected.keys()
    for name, term in terms.items():
        torch.testing.assert_close(term, expected[name], msg=lambda text, name=name: f"{name}: {text}")  # type: ignore[misc]


def test_e2c_has_no_content() -> None:
    with pytest.raises(ValueError, match="content_dim must be 0 for E2C, not 2"):
        E2C(content_dim=2)


# Aids


@pytest.mark.parametrize(
    ("settings", "missing"), [({"gauge": 0.0}, "gauge"), ({"pull": 0.0}, "pull"), ({"swap": 0.0}, "swap")]
)
def test_an_aid_of_weight_0_is_off(settings: dict[str, float], missing: str) -> None:
    batch = small_batch(sets=2)
    terms = fresh(RCE, content_dim=2, sets=2).update(batch)
    without = fresh(RCE, content_dim=2, sets=2, **settings).update(batch)
    assert terms.keys() - without.keys() == {missing}


def test_the_gauge_holds_the_shared_drive() -> None:
    held, loose = fresh(RCE), fresh(RCE, gauge=0.0)
    for learner in (held, loose):
        train(learner, lambda step: small_batch(seed=step), 3, progress=False)
    assert torch.equal(held.B, 0.1 * torch.eye(2))
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


def test_without_telling_blocked_moves_every_move_is_free_and_no_obstacle_known() -> None:
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
        (pictures(2, 12, 8, 1), r"images are \(1, 12, 8\) .* \(1, 8, 12\)"),
        (pictures(2, 8, 12, 3), r"images are \(3, 8, 12\)"),
        (pictures(2, 1, 1, 1), r"images are \(1, 1, 1\)"),
    ],
)
def test_images_of_another_kind_are_refused(images: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fresh(RCE).encode(images)


def test_decode_draws_with_the_content_of_the_first_set_unless_told() -> None:
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


@pytest.mark.parametrize(
    "learner",
    [
        fresh(RCE, latent_dim=3, content_dim=2, sets=2, gain=0.2, gauge=0.0, pull=0.5, swap=2.0),
        fresh(RCE, content_dim=2, sets=2, views=True),
        fresh(E2C, shape=(8, 8, 3), consistency=0.3, blocked=False, learning_rate=1e-3),
    ],
)
def test_settings_and_weights_survive_a_file(learner: LocallyLinear, tmp_path: Path) -> None:
    images = pictures(6, *learner.shape)
    bent(learner).calibrate(*[images] * learner.sets)
    for half in (False, True):
        save_learner(learner, tmp_path / "file", half=half)
        loaded = load_learner(tmp_path / "file")
        assert isinstance(loaded, type(learner))
        assert loaded.settings() == learner.settings()
        tolerance = 5e-3 if half else 0.0
        torch.testing.assert_close(loaded.encode(images), learner.encode(images), atol=tolerance, rtol=0)
        z, u = normal(5, learner.latent_dim), normal(5, 2)
        torch.testing.assert_close(loaded.step(z, u), learner.step(z, u), atol=tolerance, rtol=0)


# Learning


def test_two_trainings_of_a_seed_are_equal_bit_for_bit() -> None:
    first, second = (fresh(RCE, content_dim=2, sets=2) for _ in range(2))
    for learner in (first, second):
        torch.manual_seed(1)
        train(learner, lambda step: small_batch(seed=step, sets=2), 5, progress=False)
        learner.survey(triples(), steps=5)
    assert same(first, second)
    torch.manual_seed(2)
    other = fresh(RCE, content_dim=2, sets=2)
    torch.manual_seed(2)
    train(other, lambda step: small_batch(seed=step, sets=2), 5, progress=False)
    other.survey(triples(), steps=5)
    assert not same(first, other)


def test_an_interrupted_training_resumes_to_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    def batch_at(interrupt: int | None) -> Callable[[int], dict[str, Tensor]]:
        def at(step: int) -> dict[str, Tensor]:
            if step == interrupt:
                signal.raise_signal(signal.SIGINT)
            return small_batch(seed=step, sets=2)

        return at

    whole, broken = (fresh(RCE, content_dim=2, sets=2) for _ in range(2))
    torch.manual_seed(1)
    expected = train(whole, batch_at(None), 8, progress=False)
    torch.manual_seed(1)
    with pytest.raises(KeyboardInterrupt):
        train(broken, batch_at(3), 8, folder=tmp_path, progress=False)
    resumed = fresh(RCE, content_dim=2, sets=2)
    assert train(resumed, batch_at(None), 8, folder=tmp_path, resume=True, progress=False) == expected
    assert int(resumed.updates) == 8
    assert same(whole, resumed)


class Plane:
    """The planar world, a learner trained on a little of it, one that was not, and what they see."""

    def __init__(self) -> None:
        self.env, other = (_planar(appearance) for appearance in ("square", "cross"))
        rng = np.random.default_rng(0)
        triples = self.env.sample_transitions(2000, rng)
        passive = other.sample_transitions(1000, rng)["observation"]
        self.test = self.env.sample_transitions(500, rng)
        self.seen_by_y = other.world.draw(self.test["position"])
        torch.manual_seed(0)
        self.untrained, self.learner = (
            RCE(content_dim=2, sets=2, landmarks=200, steps=300) for _ in range(2)
        )
        for learner in (self.untrained, self.learner):
            learner.calibrate(np.concatenate([triples["observation"], passive]))
        active = minibatches(
            {key: triples[key] for key in ("observation", "action", "next_observation")}, 32, 0
        )
        others = minibatches({"passive": passive[:, None]}, 32, 0)
        train(self.learner, lambda step: active(step) | others(step), 300, progress=False)
        self.learner.survey(triples, steps=500)
        self.position, self.z = triples["position"], self.learner.encode_all(triples["observation"])

    def latent(self, position: NDArray[np.float64]) -> Tensor:
        """Latents (n, 2) of positions (n, 2), those impossible too: by a linear map from those seen."""
        weights = np.linalg.lstsq(_affine(self.position), self.z.numpy(), rcond=None)[0]
        return torch.from_numpy(_affine(position) @ weights).float()


def _planar(appearance: str) -> PlanarEnv:
    env = gym.make("unknot/Planar-v0", appearance=appearance).unwrapped
    assert isinstance(env, PlanarEnv)
    return env


def _affine(values: NDArray[Any]) -> NDArray[Any]:
    return np.column_stack([values, np.ones(len(values))])


def r_squared(learner: LocallyLinear, images: Images, fitted: Images, position: NDArray[np.float64]) -> float:
    """Share of the variance of positions (n, 2) read from images by the linear map that fits others best."""
    z, known = (_affine(learner.encode_all(seen).numpy()) for seen in (images, fitted))
    rest = position - z @ np.linalg.lstsq(known, position, rcond=None)[0]
    return float(1 - np.square(rest).mean(0).sum() / position.var(0).sum())


@pytest.fixture(scope="module")
def plane() -> Plane:
    return Plane()


def test_positions_are_read_off_the_latents_of_both_sets(plane: Plane) -> None:
    for images in (plane.test["observation"], plane.seen_by_y):
        assert r_squared(plane.learner, images, images, plane.test["position"]) > 0.98
        assert r_squared(plane.untrained, images, images, plane.test["position"]) < 0.5


def test_both_sets_share_one_map_though_nothing_pairs_them(plane: Plane) -> None:
    x, y = plane.test["observation"], plane.seen_by_y
    assert r_squared(plane.learner, y, x, plane.test["position"]) > 0.8
    assert r_squared(plane.untrained, y, x, plane.test["position"]) < 0.5


def test_a_step_goes_where_the_world_does(plane: Plane) -> None:
    learner, test = plane.learner, plane.test
    z, after = (learner.encode_all(test[name]) for name in ("observation", "next_observation"))
    u = torch.from_numpy(test["action"])
    moved = np.abs(test["position"] + test["action"] - test["next_position"]).max(1) < 1e-3
    with torch.no_grad():
        error = (learner.step(z, u) - after)[moved].norm(dim=1).median()
    assert error < 0.3 * (after - z)[moved].norm(dim=1).median()


def test_obstacles_are_where_moves_were_refused(plane: Plane) -> None:
    centres = np.array([obstacle[:2] for obstacle in plane.env.world.map.obstacles])
    free = plane.env.world.sample_free(300, np.random.default_rng(1))
    with torch.no_grad():
        at_centres = plane.learner.obstruction(plane.latent(centres))
        elsewhere = plane.learner.obstruction(plane.latent(free))
        unsurveyed = plane.untrained.obstruction(plane.latent(centres))
    assert at_centres.min() > elsewhere.quantile(0.95)
    assert elsewhere.median() < -3
    assert at_centres.median() > unsurveyed.max()


def test_no_way_through_an_obstacle_is_free_though_its_ends_are(plane: Plane) -> None:
    centre = np.array(plane.env.world.map.obstacles[4][:2])
    below, above = (plane.latent(centre[None] + [[offset, 0.0]]) for offset in (-5.0, 5.0))
    with torch.no_grad():
        assert plane.learner.obstruction(torch.cat([below, above])).max() < -1
        assert plane.learner.obstruction_between(below, above) > 0
        still = plane.learner.obstruction_between(below, below)
        torch.testing.assert_close(still, plane.learner.obstruction(below))


def test_predicted_images_follow_free_moves_and_stay_for_barred_ones(plane: Plane) -> None:
    learner, centre = plane.learner, np.array(plane.env.world.map.obstacles[4][:2])
    start, after = (plane.env.world.draw(centre[None] + [[offset, 0.0]]) for offset in (-3.0, -6.0))
    away = np.array([[-3.0, 0.0]], np.float32)
    with torch.no_grad():
        still, moved, barred = (learner.predict(start, u) for u in (0 * away, away, -away))
        there = learner.decode(learner.encode(after), learner.content(start))
    assert (moved - there).abs().mean() < 0.5 * (moved - still).abs().mean()
    assert torch.equal(barred, learner.decode(learner.encode(start), learner.content(start)))
