"""iLQR on the true planar system: its derivatives, its distances, and how near it comes to the optimum."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import unknot  # noqa: F401  (registers the environments)
from unknot.agents import GridExpert, evaluate_agent
from unknot.agents.evaluation import Agent
from unknot.agents.planar_expert import Clearance, ILQRExpert, TrueMoves
from unknot.envs import PlanarMap, PlanarWorld, find_map

PLANAR = "unknot/Planar-v0"


def rows(*values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def losses(agent: Agent, episodes: int, **options: Any) -> tuple[float, NDArray[Any]]:
    """Return the success rate, and equation 7 for each episode."""
    loss = np.zeros(episodes)

    def add(running: NDArray[Any], actions: NDArray[Any], infos: dict[str, Any]) -> None:
        gap = infos["factors"]["position"] - infos["goal"]["position"]
        loss[running] += np.square(gap).sum(1) + 0.1 * np.square(actions).sum(1)

    result = evaluate_agent(agent, PLANAR, episodes, seed=1, env_kwargs=options, on_step=add)
    return result.success_rate, loss


def world(**options: Any) -> PlanarWorld:
    found: PlanarWorld = gym.make(PLANAR, **options).unwrapped.world  # type: ignore[attr-defined]
    return found


def test_derivatives_are_those_of_the_true_moves() -> None:
    moves = TrueMoves(world(collision="solid"))
    z = rows([5.0, 5.0], [14.5, 5.5], [3.0, 20.0])  # free; refused by the disc below; stopped by the edge
    u = rows([1.0, -2.0], [3.0, 0.0], [-2.5, 1.0])
    A, B, c = moves.linearize(z, u)
    assert torch.equal(moves.step(z, u)[1], z[1])
    torch.testing.assert_close((A @ z[..., None] + B @ u[..., None])[..., 0] + c, moves.step(z, u))
    for axis in range(2):
        h = 1e-6 * torch.eye(2)[axis].double()
        torch.testing.assert_close(B[..., axis], (moves.step(z, u + h) - moves.step(z, u - h)) / 2e-6)
    free = (moves.step(z[:1] + 1e-6, u[:1]) - moves.step(z[:1], u[:1])) / 1e-6
    torch.testing.assert_close(free, A[:1].sum(2))


def test_clearance_is_that_computed_by_hand() -> None:
    plane = PlanarMap(obstacles=((20.0, 20.0, 2.5),), walls=((0.0, 30.0, 10.0, 32.0),))
    solid, published = (Clearance(PlanarWorld(plane, rule)) for rule in ("solid", "published"))
    # Half an agent is 1.5: a disc is a box of 1.5 around its centre, rounded by its radius if it is solid.
    at = rows([20.0, 28.0], [24.5, 25.5], [20.0, 20.0], [5.0, 26.5])
    expected = [8 - 1.5 - 2.5, (3**2 + 4**2) ** 0.5 - 2.5, -1.5 - 2.5, 2.0]
    torch.testing.assert_close(solid(at), rows(*expected), atol=1e-5, rtol=0)
    torch.testing.assert_close(published(at)[:3], rows(6.5, 5.0, -1.5), atol=1e-5, rtol=0)
    assert (Clearance(PlanarWorld(PlanarMap()))(at) == torch.inf).all()


@pytest.mark.parametrize("collision", ["published", "solid"])
def test_positions_with_clearance_are_the_free_ones(collision: str) -> None:
    true = PlanarWorld(find_map("random"), collision)
    at = np.random.default_rng(0).uniform(true.low, true.high, (2000, 2))
    clearance = Clearance(true)(torch.from_numpy(at)).numpy()
    sure = np.abs(clearance) > 1e-5
    assert (true.is_free(at) == (clearance > 0))[sure].all()
    assert 100 < (clearance < 0).sum() < 1900


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({}, 1.01),
        ({"collision": "solid"}, 1.05),
        ({"collision": "solid", "task": "anywhere", "map": "door"}, 1.3),  # its detour may be another
    ],
    ids=["published", "solid", "door"],
)
def test_it_comes_near_the_lowest_loss(options: dict[str, Any], most: float) -> None:
    success, loss = losses(ILQRExpert(world(**options)), 10, **options)
    best_success, best = losses(GridExpert(world(**options)), 10, **options)
    assert success == best_success == 1
    assert (loss <= most * best).all()
    assert (loss >= best * (1 - 1e-3)).all()  # nothing beats the oracle


def test_it_replans_after_noise() -> None:
    options = {"collision": "solid", "noise": 1.0}
    success, _ = losses(ILQRExpert(world(**options)), 6, **options)
    assert success >= 0.5


def test_one_observation_gets_the_action_it_gets_in_a_batch() -> None:
    at, to = np.array([[5.0, 5.0], [30.0, 12.0]]), np.array([[35.0, 35.0], [6.0, 33.0]])
    expert = ILQRExpert(world(collision="solid"))
    many, _ = expert.predict({"factors": {"position": at}, "goal": {"position": to}})
    assert many.dtype == np.float32
    assert (np.abs(many) <= 3).all()
    for row in range(2):
        one, _ = expert.predict({"factors": {"position": at[row]}, "goal": {"position": to[row]}})
        np.testing.assert_allclose(one, many[row], atol=1e-6)


def test_a_new_episode_gets_a_new_plan() -> None:
    expert = ILQRExpert(world())
    first = {"factors": {"position": np.array([[5.0, 5.0]])}, "goal": {"position": np.array([[35.0, 35.0]])}}
    turned = {"factors": first["goal"], "goal": first["factors"]}
    _, state = expert.predict(first)
    action, _ = expert.predict(turned, state, np.array([True]))
    fresh, _ = expert.predict(turned)
    np.testing.assert_array_equal(action, fresh)
