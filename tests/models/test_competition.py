"""Experts that compete: who learns, who is left alone, what revival copies, and that they specialise."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.models.data.mechanisms import Transformed
from unknot.models.image.competition import APART, CompetingExperts
from unknot.models.image.experts import DISCRIMINATORS, Experts
from unknot.models.image.routed import RoutedExperts
from unknot.models.image.switch import load_balance
from unknot.representation import train
from unknot.representation.metrics import assignment_matrix, hungarian_accuracy, psnr

SMALL: dict[str, Any] = {"shape": (8, 8, 1), "experts": 3, "width": 2, "layers": 2}
SMALL |= {"norm": "none", "discriminator": "strided", "discriminator_width": 2}


def images(seed: int, count: int = 6) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(256, size=(count, 8, 8, 1), dtype=np.uint8))


def batch(step: int) -> dict[str, Tensor]:
    return {"observation": images(step), "canonical": images(step + 100)}


def competing(**settings: Any) -> CompetingExperts:
    torch.manual_seed(0)
    return CompetingExperts(**SMALL | {"identity": "none"} | settings)


def weights(learner: CompetingExperts, expert: int) -> list[Tensor]:
    return [each.clone() for each in learner.experts.networks[expert].state_dict().values()]


def same(before: list[Tensor], after: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_all_experts_together_make_what_each_makes_alone(norm: str) -> None:
    torch.manual_seed(0)
    experts = Experts(3, channels=2, width=4, layers=3, norm=norm)
    inputs = torch.rand(5, 2, 9, 7)
    for j in range(3):
        experts.one(j, inputs * (1 + j))  # statistics of their own
    experts.eval()
    together = experts(inputs)
    assert together.shape == (3, 5, 2, 9, 7)
    for j in range(3):
        torch.testing.assert_close(together[j], experts.one(j, inputs))
    chosen = torch.tensor([2, 0, 2, 1, 0])
    torch.testing.assert_close(experts.chosen(inputs, chosen), together[chosen, torch.arange(5)])


def test_table_1_has_seven_convolutions_and_a_dense_layer_of_1024() -> None:
    network = DISCRIMINATORS["table"]((28, 28, 1), 16, 1)
    convolutions = [layer.out_channels for layer in network if isinstance(layer, nn.Conv2d)]
    assert convolutions == [16, 16, 16, 32, 32, 64, 64]
    dense = [(layer.in_features, layer.out_features) for layer in network if isinstance(layer, nn.Linear)]
    assert dense == [(576, 1024), (1024, 1)]
    assert network(torch.rand(2, 1, 28, 28)).shape == (2, 1)


def test_an_expert_without_a_win_keeps_weights_statistics_and_moments() -> None:
    learner = competing(norm="batch").train()
    observed = learner._tensor(images(0))
    learner._learn(observed, torch.tensor([0, 0, 1, 0, 1, 2]), torch.zeros(3, 6))  # moments for all
    state = learner.optimizers["experts"].state
    idle = [
        {key: value.clone() for key, value in state[p].items()}
        for p in learner.experts.networks[1].parameters()
    ]
    before = [weights(learner, j) for j in range(3)]
    learner._learn(observed, torch.tensor([0, 0, 2, 0, 2, 2]), torch.zeros(3, 6))
    assert [same(before[j], weights(learner, j)) for j in range(3)] == [False, True, False]
    for kept, parameter in zip(idle, learner.experts.networks[1].parameters(), strict=True):
        assert all(torch.equal(kept[key], state[parameter][key]) for key in kept)


def test_winners_are_those_whose_output_d_scores_highest() -> None:
    learner = competing().eval()
    scores = learner.scores(images(0))
    alone = [
        learner.discriminator(learner.experts.one(j, learner._tensor(images(0))))[:, 0] for j in range(3)
    ]
    torch.testing.assert_close(scores, torch.stack(alone, 1))
    winners = scores.argmax(1)
    torch.testing.assert_close(learner.encode(images(0)), functional.one_hot(winners, 3).float())
    repaired = learner.repair(images(0))
    np.testing.assert_array_equal(repaired.experts, winners.numpy())
    np.testing.assert_allclose(repaired.scores, scores.detach().amax(1).numpy(), rtol=1e-5)
    for row, expert in enumerate(repaired.experts.tolist()):
        undone = learner.undo(images(0)[row : row + 1], expert)[0]
        np.testing.assert_allclose(repaired.images[row].astype(int), undone.astype(int), atol=1)
    assert learner.undo(torch.zeros(1, 20, 12, 1, dtype=torch.uint8), 1).shape == (1, 20, 12, 1)


def test_who_wins_more_than_a_fair_share_has_a_handicap() -> None:
    learner = competing(handicap=2.0)
    learner.share.copy_(torch.tensor([0.6, 0.2, 0.2]))  # a fair share is a third
    expected = torch.tensor([[-2 * math.log(1.8)], [0.0], [0.0]])
    torch.testing.assert_close(learner._handicapped(torch.zeros(3, 1)), expected)


@pytest.mark.parametrize("own", [0.0, 2.0])
def test_each_expert_learns_from_the_mean_over_its_wins(own: float) -> None:
    """The gradient of -log D is summed over experts, each with its own mean: weights 1/3 and 1/1."""
    learner = competing(own=own)
    observed, winners = learner._tensor(images(0, 4)), torch.tensor([1, 2, 1, 1])
    expected = {}
    for j, rows in {1: [0, 2, 3], 2: [1]}.items():
        scores = learner.discriminator(learner.experts.one(j, observed[rows]))[:, 1 + j if own else 0]
        loss = -scores.sigmoid().log().mean()
        expected[j] = torch.autograd.grad(loss, list(learner.experts.networks[j].parameters()))
    seen: dict[int, list[Tensor]] = {}

    def keep(optimizer: Any, *_: Any) -> None:
        for j in range(3):
            seen[j] = [p.grad for p in learner.experts.networks[j].parameters() if p.grad is not None]

    learner.optimizers["experts"].register_step_pre_hook(keep)
    learner._learn(observed, winners, torch.zeros(3, 4))
    assert seen[0] == []
    for j in (1, 2):
        torch.testing.assert_close(seen[j], list(expected[j]))


def test_a_runner_up_that_comes_close_is_pushed_away() -> None:
    """The gradient is the margin's hinge over images and experts, of the runner-up alone, if it is close."""
    learner = competing(push=0.3, margin=2.0)
    learner.step += APART + 1
    observed, winners = learner._tensor(images(0, 4)), torch.tensor([0, 0, 0, 0])
    with torch.no_grad():
        scores = learner.discriminator(learner.experts(observed).flatten(0, 1))[:, 0].view(3, 4)
        scores[0] = scores[1] + torch.tensor([1.0, 5.0, 1.5, 5.0])  # the first and the third are close
        scores[2] = scores[1] - 1
    short, pushed = learner._short_of_margin(observed, winners, scores)
    torch.testing.assert_close(short.detach(), torch.tensor([1.0, 0.5]))
    assert pushed.tolist() == [1, 1]
    before, third = weights(learner, 1), weights(learner, 2)
    closest = observed[[0, 2]]
    own = learner.discriminator(learner.experts.one(1, closest))[:, 0].sum()
    learner._learn(observed, winners, scores)
    assert not same(before, weights(learner, 1))
    assert same(third, weights(learner, 2))
    assert learner.discriminator(learner.experts.one(1, closest))[:, 0].sum() < own


def test_nobody_is_pushed_at_first_nor_if_all_are_far() -> None:
    learner = competing(push=0.3, margin=2.0)
    observed, winners = learner._tensor(images(0, 4)), torch.tensor([0, 0, 0, 0])
    second = weights(learner, 1)
    learner._learn(observed, winners, torch.zeros(3, 4))
    learner.step += APART + 1
    learner._learn(observed, winners, torch.tensor([3.0, 0.0, 0.0])[:, None].expand(3, 4))
    assert same(second, weights(learner, 1))


def test_d_learns_from_the_winner_and_as_many_losers_as_asked() -> None:
    outputs = torch.arange(3.0)[:, None, None, None, None].expand(3, 6, 1, 8, 8)
    winners = torch.tensor([0, 1, 2, 2, 1, 0])
    alone = competing(losers=0)._fakes(outputs, winners)
    torch.testing.assert_close(alone[:, 0, 0, 0], winners.float())
    two = competing(losers=1)._fakes(outputs, winners)[:, 0, 0, 0].view(2, 6)
    torch.testing.assert_close(two[0], winners.float())
    assert (two[0] != two[1]).all()
    everyone = competing(losers=99)._fakes(outputs, winners)[:, 0, 0, 0].view(3, 6)
    assert all(sorted(column) == [0, 1, 2] for column in everyone.T.tolist())


def test_the_penalty_shrinks_the_slope_of_d_at_canonical_images() -> None:
    def slope(r1: float) -> float:
        learner = competing(r1=r1, discriminator_rate=0.01)
        real, fakes = learner._tensor(images(1)), learner._tensor(images(2))
        for _ in range(100):
            learner._discriminate(real.clone(), fakes, torch.tensor([0, 1, 2, 0, 1, 2]))
        real.requires_grad_()
        (gradient,) = torch.autograd.grad(learner.discriminator(real).sum(), real)
        return float(gradient.square().sum())

    assert slope(10.0) < 0.3 * slope(0.0)


def test_an_experts_own_output_of_d_learns_from_what_that_expert_won() -> None:
    learner = competing(own=2.0)
    real, won = torch.tensor([[0.0, 9.0, 1.0], [0.0, 9.0, -1.0]]), torch.tensor([[0.5, 9.0, 9.0]] * 3)
    won[2, 2] = -2.0
    loss = learner._own_loss(real, won, torch.tensor([0, 0, 2]))  # the second expert won nothing

    def softplus(x: float) -> float:
        return math.log1p(math.exp(x))

    first = softplus(0) + softplus(0.5)
    third = (softplus(-1) + softplus(1)) / 2 + softplus(-2)
    assert float(loss) == pytest.approx((first + third) / 3)


def test_an_idle_expert_becomes_a_copy_of_the_greediest_with_its_moments() -> None:
    learner = competing().train()
    learner._learn(learner._tensor(images(0)), torch.tensor([1, 1, 1, 1, 1, 1]), torch.zeros(3, 6))
    learner.share.copy_(torch.tensor([0.02, 0.68, 0.3]))
    greedy, third = weights(learner, 1), weights(learner, 2)
    learner._revive()
    assert same(greedy, weights(learner, 1))
    assert same(third, weights(learner, 2))
    for new, old in zip(weights(learner, 0), greedy, strict=True):
        assert 0 < (new - old).norm() < 0.2 * old.norm()
    state, networks = learner.optimizers["experts"].state, learner.experts.networks
    for new, old in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(state[new]["exp_avg_sq"], state[old]["exp_avg_sq"])
        assert state[new]["exp_avg_sq"] is not state[old]["exp_avg_sq"]
    torch.testing.assert_close(learner.share, torch.tensor([0.34, 0.34, 0.3]))
    for parameter in learner.discriminator[-1].parameters():  # its output of D, too
        assert torch.equal(parameter[1], parameter[2])
        assert not torch.equal(parameter[1], parameter[3])


@pytest.mark.parametrize(
    "share",
    [
        pytest.param([0.3, 0.35, 0.35], id="nobody is idle"),
        pytest.param([0.48, 0.48, 0.04], id="nobody is greedy"),
    ],
)
def test_nothing_is_revived_without_an_idle_and_a_greedy_expert(share: list[float]) -> None:
    learner = competing()
    learner.share.copy_(torch.tensor(share))
    before = [weights(learner, j) for j in range(3)]
    learner._revive()
    assert all(same(before[j], weights(learner, j)) for j in range(3))


def test_surplus_experts_stay_idle_beside_ones_with_a_mechanism_each() -> None:
    """Four mechanisms, seven experts: 0.25 is above 1.5 equal shares, but what the others in use have."""
    learner = competing(experts=7)
    learner.share.copy_(torch.tensor([0.25, 0.25, 0.0, 0.25, 0.0, 0.25, 0.0]))
    before = weights(learner, 2)
    learner._revive()
    assert same(before, weights(learner, 2))


class Second(nn.Module):
    """A discriminator that prefers what is darker, so that winners can be arranged."""

    def forward(self, images: Tensor) -> Tensor:
        return -images.flatten(1).mean(1, keepdim=True)


def fixed(learner: CompetingExperts, expert: int, level: float) -> None:
    """Let an expert make a grey of everything."""
    with torch.no_grad():
        for parameter in learner.experts.networks[expert].parameters():
            parameter.zero_()
        *_, bias = learner.experts.networks[expert].parameters()
        bias.fill_(float(torch.tensor(level).logit()))


@pytest.mark.parametrize(("level", "retired"), [(0.101, True), (0.4, False)])
def test_an_expert_is_retired_if_one_that_wins_more_does_the_same(level: float, retired: bool) -> None:
    learner = competing().eval()
    learner.discriminator = Second()  # type: ignore[assignment]
    for expert, grey in enumerate((0.1, level, 0.9)):
        fixed(learner, expert, grey)
    learner.share.copy_(torch.tensor([0.2, 0.7, 0.1]))  # the first wins now, and the second won more before
    inputs = images(0)
    assert (learner.repair(inputs).experts == 0).all()
    learner._retire(learner._tensor(inputs))
    assert learner.retired.tolist() == [retired, False, False]
    assert (learner.repair(inputs).experts == int(retired)).all()
    assert int(learner.encode(inputs)[:, int(retired)].sum()) == len(inputs)


def test_experts_are_revived_until_the_last_quarter_and_then_retired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner, calls = competing(steps=8, revive_every=2), []
    monkeypatch.setattr(learner, "_revive", lambda: calls.append(("revive", int(learner.step))))
    monkeypatch.setattr(learner, "_retire", lambda images: calls.append(("retire", int(learner.step))))
    for step in range(8):
        learner.update(batch(step))
    assert calls == [("revive", 2), ("revive", 4), ("retire", 6), ("retire", 8)]


def test_experts_begin_as_copies_of_one_that_learnt_the_identity() -> None:
    learner = competing(identity="shared", identity_steps=2).train()
    alone = weights(learner, 1)
    learner.update(batch(0))
    assert same(alone, weights(learner, 1))  # the first learns alone
    learner.update(batch(1))
    first = weights(learner, 0)
    for j in (1, 2):
        for new, old in zip(weights(learner, j), first, strict=True):
            assert 0 < (new - old).norm() < 0.2 * old.norm()
    assert not learner.optimizers["experts"].state
    each = competing(identity="each", identity_steps=2).train()
    before = weights(each, 2)
    each.update(batch(0))
    assert not same(before, weights(each, 2))


def test_learning_rates_fall_to_zero_after_the_first_quarter() -> None:
    learner = competing(steps=8, learning_rate=0.4, discriminator_rate=0.2).train()
    rates = []
    for step in range(8):
        learner.update(batch(step))
        rates.append(tuple(learner.optimizers[n].param_groups[0]["lr"] for n in ("experts", "discriminator")))
    left = [1, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    np.testing.assert_allclose(rates, np.outer(left, (0.4, 0.2)))
    constant = competing(steps=2, decay=False).train()
    for step in range(4):
        constant.update(batch(step))
    assert constant.optimizers["experts"].param_groups[0]["lr"] == 1e-3


def test_the_balance_of_experts_is_one_where_they_are_used_equally() -> None:
    """N Σ f P by hand: 2 (0.75 × 0.6 + 0.25 × 0.4) = 1.1."""
    shares = torch.tensor([[0.6, 0.4]] * 4)
    assert float(load_balance(torch.tensor([0, 0, 0, 1]), shares)) == pytest.approx(1.1)
    even = load_balance(torch.tensor([0, 1]), torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    assert float(even) == pytest.approx(1)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="unknown identity 'share'; did you mean 'shared'"):
        competing(identity="share")
    with pytest.raises(ValueError, match="layers must be at least 2, not 1"):
        competing(layers=1)
    with pytest.raises(ValueError, match="images must be"):
        competing().repair(np.zeros((1, 9, 8, 1), np.uint8))


def bars(count: int, seed: int) -> NDArray[np.uint8]:
    """Return upright bars of one to six pixels in the middle of 8 × 8: ink in a third of the image."""
    rng = np.random.default_rng(seed)
    pictures = np.zeros((count, 8, 8, 1), np.uint8)
    for picture, top, bottom, width in zip(pictures, *rng.integers(1, 4, size=(3, count)), strict=True):
        picture[top : 8 - bottom, 3 : 3 + width] = rng.integers(150, 256)
    return pictures


def test_two_experts_take_a_mechanism_each_and_undo_it() -> None:
    source = Transformed(bars(500, 0), np.zeros(500, np.int64), ("inversion", "left"), shift=2)
    canonical = bars(500, 1)

    def batch_at(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng(step)
        changed = source.render_factors(source.sample_factors(32, rng))
        real = canonical[rng.integers(500, size=32)]
        return {"observation": torch.from_numpy(changed), "canonical": torch.from_numpy(real)}

    torch.manual_seed(0)
    learner = CompetingExperts(
        shape=(8, 8, 1),
        experts=2,
        width=8,
        layers=3,
        norm="none",
        discriminator="strided",
        steps=600,
        learning_rate=4e-3,
        discriminator_rate=2e-3,
        momentum=0.5,
        r1=0.1,
    )
    train(learner, batch_at, learner.identity_steps + 600, progress=False)
    factors = source.sample_factors(200, np.random.default_rng(9))
    changed, originals = source.render_factors(factors), source.originals(factors)
    repaired, experts, _ = learner.repair(changed)
    assert hungarian_accuracy(assignment_matrix(factors["mechanism"], experts, 2, 2)) > 0.75
    assert psnr(changed, originals) < 3
    assert psnr(repaired, originals) > 14


def test_the_oracle_undoes_what_it_is_told() -> None:
    source = Transformed(bars(300, 0), np.zeros(300, np.int64), ("inversion", "left"), shift=2)

    def batch_at(step: int) -> dict[str, Tensor]:
        factors = source.sample_factors(32, np.random.default_rng(step))
        arrays = {"observation": source.render_factors(factors), "original": source.originals(factors)}
        arrays["mechanism"] = factors["mechanism"]
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    torch.manual_seed(0)
    learner = RoutedExperts(
        shape=(8, 8, 1), experts=2, width=8, layers=3, norm="none", steps=300, learning_rate=1e-2
    )
    train(learner, batch_at, 300, progress=False)
    factors = source.sample_factors(100, np.random.default_rng(9))
    undone = learner.undo(source.render_factors(factors), factors["mechanism"])
    assert psnr(undone, source.originals(factors)) > 12  # black images have 11
