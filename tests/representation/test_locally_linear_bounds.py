"""The bounds of RCE and E2C, term by term, against torch.distributions."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal
from torch.distributions import kl_divergence as kl

from tests.representation.small_locally_linear import bent, fresh, normal
from unknot.representation import E2C, RCE, LocallyLinear
from unknot.representation.gaussian import Gaussian
from unknot.representation.locally_linear import Encoding


def torch_normal(gaussian: Gaussian) -> Any:  # torch.distributions are half typed
    return Independent(Normal(gaussian.mean, (gaussian.log_variance / 2).exp()), 1)


def unit_normal(mean: Tensor) -> Any:
    return Independent(Normal(mean, torch.ones_like(mean)), 1)


def test_gaussians_agree_with_torch() -> None:
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
    pixels: Any = Bernoulli(logits=learner.decoder(z, w), validate_args=False)
    total: Tensor = pixels.log_prob(images).flatten(1).sum(1)
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


def test_the_swap_term_compares_with_what_was_decoded() -> None:
    learner = fresh(RCE, content_dim=2, sets=2)
    here, passive = encoding(4, learner, 10), encoding(4, learner, 20)
    torch.manual_seed(3)
    loss = learner._swap_loss(here, passive)
    torch.manual_seed(3)
    z, w = here.dynamics.mean, passive.content.mean[torch.randperm(4)]
    again = learner._encode(torch.sigmoid(learner.decoder(z, w)))
    places = ((again.dynamics.mean - z) / learner.gain).square().sum(1)
    torch.testing.assert_close(loss, (4 * places + (again.content.mean - w).square().sum(1)).mean())


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


def test_the_swap_term_ignores_what_a_camera_sees_outside_of_its_picture() -> None:
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
