"""Trivial baselines and the oracle: the straight line's known rates, and an expert that nothing beats."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import unknot  # noqa: F401
from unknot.agents import (
    Evaluation,
    GridExpert,
    ILQRExpert,
    RandomAgent,
    ShakenLineExpert,
    StraightLineExpert,
    evaluate_agent,
)
from unknot.agents.digit_expert import DigitExpert
from unknot.agents.evaluation import Agent
from unknot.agents.maze_experts import MazeExpert
from unknot.agents.named import EXPERTS
from unknot.agents.refusals import count_refused
from unknot.agents.true_map import best_paths, grids_of, path_costs, refine
from unknot.envs import PlanarMap, PlanarWorld, find_map
from unknot.envs.mnist_grid import DIGITS
from unknot.envs.registration import ENVIRONMENTS

Array = NDArray[Any]
PLANAR = "unknot/Planar-v0"
EMPTY = PlanarMap()
ONE_DISC = PlanarMap(obstacles=((20.0, 20.0, 2.5),))


def losses(agent: Agent, episodes: int, **env_kwargs: Any) -> tuple[Evaluation, Array]:
    """An evaluation, and equation 7 for each episode."""
    loss = np.zeros(episodes)

    def add(running: Array, actions: Array, infos: dict[str, Any]) -> None:
        gap = infos["factors"]["position"] - infos["goal"]["position"]
        loss[running] += np.square(gap).sum(1) + 0.1 * np.square(actions).sum(1)

    result = evaluate_agent(agent, PLANAR, episodes, seed=1, env_kwargs=env_kwargs, on_step=add)
    return result, loss


def expert(**env_kwargs: Any) -> GridExpert:
    world = gym.make(PLANAR, **env_kwargs).unwrapped.world  # type: ignore[attr-defined]
    return GridExpert(world)


def state(position: Any, goal: Any) -> dict[str, dict[str, Array]]:
    return {
        "factors": {"position": np.asarray(position, float)},
        "goal": {"position": np.asarray(goal, float)},
    }


@pytest.mark.parametrize(
    ("collision", "task", "low", "high"),
    [
        ("published", "corners", 1.0, 1.0),
        ("published", "anywhere", 0.70, 0.86),
        ("solid", "corners", 0.0, 0.30),
        ("solid", "anywhere", 0.25, 0.45),
    ],
)
def test_the_straight_line_has_its_known_rates(collision: str, task: str, low: float, high: float) -> None:
    result, _ = losses(StraightLineExpert(), 300, collision=collision, task=task)
    assert low <= result.success_rate <= high


@pytest.mark.parametrize(
    ("collision", "task", "low", "high"),
    [
        ("published", "anywhere", 0.97, 1.0),
        ("solid", "corners", 0.85, 0.97),
        ("solid", "anywhere", 0.62, 0.80),
    ],
)
def test_shaken_loose_the_line_solves_far_more(collision: str, task: str, low: float, high: float) -> None:
    result, _ = losses(ShakenLineExpert(), 300, collision=collision, task=task)
    assert low <= result.success_rate <= high


def test_refusals_are_counted_in_a_row_and_small_moves_are_none() -> None:
    moved, intended = np.array([0.0, 0.0, 0.2, 0.05]), np.array([3.0, 0.5, 3.0, 0.6])
    before = np.array([2, 2, 2, 2])
    assert count_refused(moved, intended, 1.0, before).tolist() == [3, 0, 0, 3]
    moved_z, intended_z = torch.from_numpy(moved) / 10, torch.from_numpy(intended) / 10  # of another gain
    assert count_refused(moved_z, intended_z, 0.1, torch.from_numpy(before)).tolist() == [3, 0, 0, 3]


def test_the_line_is_straight_until_an_action_is_refused() -> None:
    line, straight = ShakenLineExpert(), np.tile([0.0, 3.0], (300, 1))
    stuck = state(np.tile([10.0, 10.0], (300, 1)), np.tile([10.0, 30.0], (300, 1)))
    actions, memory = line.predict(stuck)
    np.testing.assert_array_equal(actions, straight)
    deviations = []
    for _ in range(2):
        actions, memory = line.predict(stuck, memory)
        deviations.append(actions[:, 0].std())
    assert deviations == pytest.approx([1.0, 1.7], abs=0.15)  # N(0, 1), then N(0, 2) clipped to ±3
    again, _ = line.predict(stuck, memory, np.arange(300) < 200)
    np.testing.assert_array_equal(again[:200], straight[:200])  # new episodes
    assert (again[200:] != straight[200:]).any(1).mean() > 0.8  # a move of less than 0.5 px is no refusal
    free = state(np.tile([10.0, 11.0], (300, 1)), np.tile([10.0, 30.0], (300, 1)))
    np.testing.assert_array_equal(line.predict(free, memory)[0], straight)


@pytest.mark.parametrize("collision", ["published", "solid"])
@pytest.mark.parametrize("task", ["corners", "anywhere"])
def test_the_grid_expert_is_never_worse_than_the_straight_line(collision: str, task: str) -> None:
    kwargs = {"collision": collision, "task": task}
    best, best_loss = losses(expert(**kwargs), 40, **kwargs)
    straight, straight_loss = losses(StraightLineExpert(), 40, **kwargs)
    assert best.success_rate == 1
    assert (best_loss[straight.successes] <= straight_loss[straight.successes] * (1 + 1e-6)).all()
    assert (best.steps[straight.successes] <= straight.steps[straight.successes]).all()


@pytest.mark.parametrize("map_name", ["gates", "door", "random"])
def test_the_grid_expert_succeeds_on_every_map(map_name: str) -> None:
    kwargs = {"collision": "solid", "task": "anywhere", "map": map_name}
    result, _ = losses(expert(**kwargs), 25, **kwargs)
    assert result.success_rate == 1


def test_the_grid_expert_is_better_than_the_straight_line_under_noise() -> None:
    kwargs = {"collision": "solid", "noise": 1.0}
    best, best_loss = losses(expert(**kwargs), 40, **kwargs)
    straight, straight_loss = losses(StraightLineExpert(), 40, **kwargs)
    assert best_loss.mean() < 0.6 * straight_loss.mean()
    assert best.success_rate >= straight.success_rate


def test_in_the_empty_plane_the_best_path_is_that_of_a_linear_quadratic_regulator() -> None:
    # From 1 px away no limit binds: Riccati's P for A = B = Q = 1, R = 0.1 is the lowest cost per pixel².
    p = 0.0
    for _ in range(50):
        p = 0.1 * (1 + p) / (1.1 + p)
    start, goal = np.array([[10.0, 12.0]]), np.array([[11.0, 11.5]])
    path = best_paths(PlanarWorld(EMPTY), start, goal, reach=3.0)
    assert path_costs(path, goal)[0] == pytest.approx(p * 1.25, rel=1e-3)


def test_a_detour_is_that_computed_by_hand() -> None:
    """Start and goal are level with a disc under `solid`: the detour is symmetric."""
    world = PlanarWorld(ONE_DISC, collision="solid")
    start, goal = np.array([[20.0, 10.0], [20.0, 10.0]]), np.array([[20.0, 31.0], [10.0, 10.0]])
    paths = best_paths(world, start, goal, reach=3.0)
    assert np.array_equal(paths[:, -1], goal)
    blocked, free = paths
    # Half a body and a radius aside, and a little more, since the path consists of chords.
    assert 4 <= np.abs(blocked[:, 0] - 20).max() < 4.5
    assert np.abs(np.diff(blocked[:, 1])).max() <= 3
    assert not world.blocked(blocked[:-1], blocked[1:]).any()
    assert free[:, 1] == pytest.approx(10)  # no obstacle, no detour


def test_no_path_leads_through_a_gap_without_clearance() -> None:
    """Two walls leave exactly the body's width: allowed in theory, impossible with rounded actions."""
    slit = PlanarMap(walls=((19.0, 0.0, 21.0, 10.0), (19.0, 13.0, 21.0, 40.0)))
    world = PlanarWorld(slit, collision="solid")
    start, goal = np.array([[10.0, 11.0]]), np.array([[30.0, 11.0]])
    assert best_paths(world, start, goal, reach=3.0)[0, -1, 0] < 19
    wider = PlanarMap(walls=((19.0, 0.0, 21.0, 10.0), (19.0, 13.5, 21.0, 40.0)))
    assert np.array_equal(best_paths(PlanarWorld(wider, "solid"), start, goal, 3.0)[:, -1], goal)


def test_refinement_only_improves() -> None:
    world = PlanarWorld(find_map("paper"), collision="solid")
    rng = np.random.default_rng(0)
    starts, goals = world.sample_free(12, rng), world.sample_free(12, rng)
    grid = grids_of(world, 3.0)[0]
    routes = grid.routes(starts, goals)
    routes = np.concatenate([routes, np.repeat(routes[:, -1:], 3, axis=1)], axis=1)
    refined = refine(grid, routes, 0.5, 0.01, width=3)
    assert (path_costs(refined, goals) <= path_costs(routes, goals)).all()
    assert path_costs(refined, goals).mean() < 0.995 * path_costs(routes, goals).mean()
    assert np.array_equal(refined[:, [0, -1]], routes[:, [0, -1]])
    assert not world.blocked(refined[:, :-1], refined[:, 1:]).any()


def test_clear_cells_refuse_no_move() -> None:
    """The shortcut that skips the collision test gives the same result."""
    for name in ("paper", "gates", "door"):
        for collision in ("published", "solid"):
            grid = grids_of(PlanarWorld(find_map(name), collision=collision), 3.0)[0]
            rng = np.random.default_rng(1)
            start = grid.world.sample_free(20_000, rng)
            end = np.clip(start + rng.uniform(-3, 3, start.shape), grid.world.low, grid.world.high)
            assert np.array_equal(grid.reaches(start, end), ~grid.world.blocked(start, end))


def test_the_grid_expert_plans_again_when_pushed() -> None:
    agent = GridExpert(PlanarWorld(find_map("paper"), collision="solid"))
    goals = [[30.0, 30.0], [5.0, 30.0]]
    _, memory = agent.predict(state([[5.0, 5.0], [5.0, 5.0]], goals))
    pushed = state([[30.0, 27.5], [5.0, 8.0]], goals)
    actions, memory = agent.predict(pushed, memory, np.zeros(2, bool))
    assert actions == pytest.approx(np.array([[0.0, 2.29], [0.0, 3.0]]), abs=0.01)
    # A new episode in the first row does not affect the second.
    moved = state([[5.0, 5.0], [5.0, 11.0]], goals)
    actions, _ = agent.predict(moved, memory, np.array([True, False]))
    assert actions[1] == pytest.approx([0.0, 3.0], abs=0.02)
    assert actions[0] == pytest.approx(agent.predict(state([5.0, 5.0], [30.0, 30.0]))[0], abs=1e-6)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_experts_take_single_observations_and_batches(noise: float) -> None:
    for agent in (GridExpert(PlanarWorld(find_map("paper"), noise=noise)), StraightLineExpert()):
        one, _ = agent.predict(state([5.0, 6.0], [30.0, 31.0]))
        many, _ = agent.predict(state([[5.0, 6.0], [9.0, 9.0]], [[30.0, 31.0], [8.0, 9.0]]))
        assert one.shape == (2,)
        assert one.dtype == np.float32
        assert one == pytest.approx(many[0])


def test_an_expert_that_begins_at_its_goal_stays() -> None:
    action, _ = GridExpert(PlanarWorld(EMPTY)).predict(state([10.0, 10.0], [10.0, 10.0]))
    assert np.array_equal(action, [0, 0])


def test_an_unreachable_goal_is_approached() -> None:
    cut = PlanarMap(walls=((19.0, 0.0, 21.0, 40.0),))
    action, _ = GridExpert(PlanarWorld(cut)).predict(state([10.0, 10.0], [30.0, 12.0]))
    assert action == pytest.approx([3.0, 2.0])


def test_random_agents_sample_reproducibly_and_leave_the_space_alone() -> None:
    env = gym.make(PLANAR)
    observation, _ = env.reset(seed=0)
    batch = {key: image[None].repeat(5, axis=0) for key, image in observation.items()}
    one, again = RandomAgent(env.action_space, seed=3), RandomAgent(env.action_space, seed=3)
    assert env.action_space.contains(one.predict(observation)[0])
    actions, _ = one.predict(batch)
    assert actions.shape == (5, 2)
    assert len(np.unique(actions)) == 10
    again.predict(observation)
    assert np.array_equal(again.predict(batch)[0], actions)
    space = gym.spaces.Box(-1, 1, (2,), seed=0)
    expected = gym.spaces.Box(-1, 1, (2,), seed=0).sample()
    RandomAgent(space, seed=9).predict(batch)
    assert np.array_equal(space.sample(), expected)


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Box(0, 255, (7,), np.uint8),
        gym.spaces.Box(0, 255, (8, 8), np.uint8),
        gym.spaces.Box(0, 255, (8, 8, 3), np.uint8),
        gym.spaces.Box(-1, 1, (3,)),
        gym.spaces.Discrete(5),
        gym.spaces.MultiDiscrete([3, 3]),
        gym.spaces.Dict(
            {"observation": gym.spaces.Discrete(4), "desired_goal": gym.spaces.Box(0, 1, (2, 2))}
        ),
        gym.spaces.Tuple((gym.spaces.Discrete(4), gym.spaces.Box(0, 255, (4,), np.uint8))),
    ],
)
def test_random_agents_tell_a_batch_from_one_observation_by_the_space(space: gym.Space[Any]) -> None:
    action_space = gym.spaces.Box(-1, 1, (2,))
    agent = RandomAgent(action_space, observation_space=space)
    samples = [space.sample() for _ in range(4)]
    empty: Any = gym.vector.utils.create_empty_array(space, 4)
    batch = gym.vector.utils.concatenate(space, samples, empty)
    assert agent.predict(samples[0])[0].shape == (2,)
    assert agent.predict(batch)[0].shape == (4, 2)
    without = RandomAgent(action_space)
    assert without.predict(batch, None, np.ones(4, bool), True)[0].shape == (4, 2)
    with pytest.raises(ValueError, match=r"^observation must have "):
        agent.predict(np.zeros((2, 2, 2, 2, 2)))


def test_a_random_agent_is_evaluated_on_observations_of_bytes() -> None:
    class Bytes(gym.Env[Any, Any]):
        observation_space = gym.spaces.Box(0, 255, (6,), np.uint8)
        action_space = gym.spaces.Discrete(3)

        def reset(self, **options: Any) -> Any:
            return np.zeros(6, np.uint8), {"is_success": False}

        def step(self, action: Any) -> Any:
            return np.zeros(6, np.uint8), 1.0, True, False, {"is_success": True}

    vector = gym.vector.SyncVectorEnv([Bytes] * 3)
    assert evaluate_agent(RandomAgent(Bytes.action_space), vector, episodes=3).success_rate == 1


def maze_expert() -> MazeExpert:
    return MazeExpert(gym.make("unknot/Maze-v0").unwrapped.simulation)  # type: ignore[attr-defined]


EXPERTS_OF_ONE: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "straight": (StraightLineExpert, ("position",)),
    "grid": (lambda: GridExpert(PlanarWorld(EMPTY)), ("position",)),
    "ilqr": (lambda: ILQRExpert(PlanarWorld(EMPTY)), ("position",)),
    "digits": (lambda: DigitExpert(8), DIGITS),
    "maze": (maze_expert, ("agent",)),
}


@pytest.mark.parametrize("name", EXPERTS_OF_ONE)
def test_experts_act_for_one_as_in_a_batch_of_one_and_refuse_what_is_no_true_state(name: str) -> None:
    make, factors = EXPERTS_OF_ONE[name]
    agent, cell = make(), np.array([4, 4])
    seen = {part: dict.fromkeys(factors, cell) for part in ("factors", "goal")}
    batch = {part: {key: value[None] for key, value in entry.items()} for part, entry in seen.items()}
    one, many = agent.predict(seen)[0], agent.predict(batch)[0]
    assert many.shape == (1, *one.shape)
    assert np.array_equal(many[0], one)
    key = factors[0]
    bad: Any
    for bad in (np.zeros((2, 2), np.uint8), {}, {"factors": {}, "goal": {}}, None, seen["factors"]):
        with pytest.raises(ValueError, match=r"^observation must have factors\["):
            agent.predict(bad)
    wrong: Any
    for wrong in (np.full(2, np.nan), np.zeros(3), "there", np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match=r"^(factors|goal)\[.* must be "):
            agent.predict({**seen, "goal": {**seen["goal"], key: wrong}})


def test_every_environment_has_an_expert() -> None:
    assert EXPERTS.keys() == ENVIRONMENTS.keys(), "add the environment's expert to EXPERTS in agents/named.py"
