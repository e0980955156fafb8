"""The planning agent in a latent space that is the true position, so that only planning is tested."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from torch import Tensor

import unknot  # noqa: F401  # registers the environments
from unknot.agents import PlanningAgent, evaluate_agent
from unknot.agents.named import find_agent
from unknot.envs.planar import PlanarEnv
from unknot.files import WeightsError
from unknot.learners import LEARNERS
from unknot.representation import E2C, WEIGHTS, Learner, save_learner

Images = NDArray[np.uint8]

ENV = gym.make("unknot/Planar-v0").unwrapped
assert isinstance(ENV, PlanarEnv)
WORLD = ENV.world
CENTRES = torch.tensor([obstacle[:2] for obstacle in WORLD.map.obstacles])


class TruePosition(E2C):
    """Latents are positions, a step is their sum with the action, obstacles are known exactly."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(gain=1.0, landmarks=400, **settings)
        free = WORLD.sample_free(400, np.random.default_rng(0))
        self.landmarks.copy_(torch.from_numpy(free))

    def encode(self, images: Images | Tensor) -> Tensor:
        background = torch.from_numpy(WORLD.background.astype(np.float32))
        share = (torch.as_tensor(images)[..., 0] - background) / (255 - background)
        middles = torch.arange(40) + 0.5
        place = torch.stack([share.sum(2) @ middles, share.sum(1) @ middles], 1)
        return place / share.sum((1, 2))[:, None]

    def obstruction(self, z: Tensor) -> Tensor:
        depth = WORLD.half_agent + 0.3 - (z[..., None, :] - CENTRES).abs().amax(-1).amin(-1)
        return 10 * depth


def agent(**settings: Any) -> PlanningAgent:
    return PlanningAgent(TruePosition(), **settings)


def see(start: Any, goal: Any) -> dict[str, Images]:
    """Render starts and goals, (2,) for one or (n, 2)."""
    images = [WORLD.render(np.atleast_2d(np.asarray(place, dtype=float))) for place in (start, goal)]
    if np.ndim(start) == 1:
        images = [image[0] for image in images]
    return {"observation": images[0], "desired_goal": images[1]}


OPEN = see([3.0, 10.0], [18.0, 10.0])
"""Nothing is in the way."""


def test_the_stand_in_sees_where_the_agent_is() -> None:
    places = WORLD.sample_free(200, np.random.default_rng(1))
    seen = TruePosition().encode(WORLD.render(places))
    torch.testing.assert_close(seen, torch.from_numpy(places).float(), atol=0.1, rtol=0)


# Acting


def test_it_plans_in_inference_mode_as_without() -> None:
    expected, state = agent().predict(OPEN)
    again, _ = agent().predict(OPEN, state)
    planner = agent()
    with torch.inference_mode():
        actions, state = planner.predict(OPEN)
        later, _ = planner.predict(OPEN, state)
    assert np.array_equal(actions, expected)
    assert np.array_equal(later, again)
    assert np.array_equal(agent().predict(OPEN, state)[0], again)  # a state goes from one mode to the other


def test_it_can_be_loaded_in_inference_mode(tmp_path: Path) -> None:
    tmp_path = tmp_path / "seed-0"
    save_learner(E2C(blocked=False), tmp_path / "published" / WEIGHTS)
    observation = see([[3.0, 10.0]], [[18.0, 10.0]])
    expected, _ = PlanningAgent.load(tmp_path).predict(observation)
    with torch.inference_mode():
        actions, _ = PlanningAgent.load(tmp_path).predict(observation)
    assert np.array_equal(actions, expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("horizon", None),
        ("replan_every", True),
        ("limits", True),
        ("limits", None),
        ("limits", (-1.0, float("inf"))),
        ("Q", -1.0),
        ("R", float("nan")),
        ("margin", "3"),
        ("seed", -1),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name} must "):
        agent(**{name: value})


@pytest.mark.parametrize("starts", ["abc", [True, False, True], [0.5], object()])
def test_episode_starts_of_another_kind_are_refused_by_name(starts: object) -> None:
    with pytest.raises(ValueError, match=r"^episode_start must be"):
        agent().predict(OPEN, None, starts)


def test_it_reaches_every_corner() -> None:
    result = evaluate_agent(agent(), "unknot/Planar-v0", episodes=40, seed=1)
    assert result.success_rate == 1


def test_it_goes_round_an_obstacle_and_without_caution_does_not() -> None:
    centre, way = CENTRES[4].numpy(), np.array([6.0, 0.0])
    options = {"factors": {"position": centre - way}, "goal": {"position": centre + way}}
    reached = []
    for caution in (100.0, 0.0):
        planning, state, blocked = agent(caution=caution), None, 0
        env = gym.make("unknot/Planar-v0")
        observation, info = env.reset(seed=0, options=options)
        for _ in range(20):
            before = info["factors"]["position"]
            action, state = planning.predict(observation, state)
            observation, _, _, _, info = env.step(action)
            blocked += bool((info["factors"]["position"] == before).all() and np.abs(action).max() > 0.5)
        reached.append((bool(info["is_success"]), blocked > 0))
    assert reached[0] == (True, False)
    assert reached[1][1]


def test_actions_keep_to_the_limits() -> None:
    far = see([3.0, 3.0], [37.0, 37.0])
    action, _ = agent(limits=(-2.0, 1.5)).predict(far)
    assert action.dtype == np.float32
    assert action.max() == pytest.approx(1.5)
    action, _ = agent(limits=(-2.0, 1.5)).predict(
        {"observation": far["desired_goal"], "desired_goal": far["observation"]}
    )
    assert action.min() == pytest.approx(-2)


def test_at_its_goal_it_stays_and_gets_no_noise() -> None:
    here = see([20.0, 10.0], [20.0, 10.0])
    planning, state = agent(), None
    for _ in range(6):
        action, state = planning.predict(here, state)
        assert np.abs(action).max() < 0.1


# Memory


def test_a_batch_acts_as_its_rows_alone() -> None:
    rng = np.random.default_rng(2)
    starts, goals = WORLD.sample_free(4, rng), WORLD.sample_free(4, rng)
    planning, state = agent(), None
    alone: list[Any] = [None] * 4
    for _ in range(5):
        actions, state = planning.predict(see(starts, goals), state)
        assert actions.shape == (4, 2)
        for k in range(4):
            action, alone[k] = planning.predict(see(starts[k], goals[k]), alone[k])
            assert action.shape == (2,)
            np.testing.assert_allclose(action, actions[k], atol=1e-3)
        starts = WORLD.move(starts, actions)


def test_all_memory_is_in_the_state() -> None:
    planning = agent()
    _, state = planning.predict(OPEN)
    moved = see([4.0, 10.0], [18.0, 10.0])
    first = planning.predict(moved, state)[0]
    planning.predict(see([30.0, 30.0], [3.0, 3.0]))
    assert np.array_equal(planning.predict(moved, state)[0], first)
    assert np.array_equal(agent().predict(moved, state)[0], first)


def test_the_start_of_an_episode_drops_the_memory_of_that_row_alone() -> None:
    planning = agent(replan_every=25)  # keeps its plan
    starts, goals = np.array([[3.0, 10.0], [3.0, 10.0]]), np.array([[18.0, 10.0], [18.0, 10.0]])
    _, state = planning.predict(see(starts, goals))
    away = see(np.array([[33.0, 10.0], [6.0, 10.0]]), goals)
    kept, _ = planning.predict(away, state, np.array([False, False]))
    dropped, _ = planning.predict(away, state, np.array([True, False]))
    assert kept[0, 0] > 2  # still the old plan, away from the goal
    assert dropped[0, 0] < -2
    assert np.array_equal(dropped[1], kept[1])


def test_a_state_of_a_different_number_of_episodes_is_ignored() -> None:
    planning = agent()
    _, state = planning.predict(see(np.full((3, 2), 3.0), np.full((3, 2), 37.0)))
    assert np.array_equal(planning.predict(OPEN, state)[0], planning.predict(OPEN)[0])


# Plans


class Counted:
    """Counts the plans that an agent makes."""

    def __init__(self, planning: PlanningAgent) -> None:
        self.inner, self.plans = planning.planner.planner, 0
        planning.planner.planner = planning.planner.replanner = self

    def plan(self, *arguments: Any) -> Any:
        self.plans += 1
        return self.inner.plan(*arguments)


def plans_made(planning: PlanningAgent, steps: int, push: NDArray[np.float64]) -> int:
    """Take steps that move as the actions say; the first is displaced by `push`. Count the plans."""
    counted, state, place = Counted(planning), None, np.array([[8.0, 10.0]])
    for k in range(steps):
        action, state = planning.predict(see(place, [[18.0, 10.0]]), state)
        place = WORLD.move(place, action) + (push if k == 0 else 0)
    return counted.plans


def test_it_replans_every_few_actions_and_when_it_is_not_where_it_expects_to_be() -> None:
    still, pushed = np.zeros(2), np.array([0.0, -3.0])
    assert plans_made(agent(replan_every=4), 8, still) == 2
    assert plans_made(agent(replan_every=4), 4, pushed) == 2
    assert plans_made(agent(replan_every=1), 4, still) == 4


def test_one_shot_never_replans() -> None:
    for push in (np.zeros(2), np.array([0.0, -3.0])):
        assert plans_made(agent(replan_every=25), 20, push) == 1


def test_one_shot_keeps_its_plan_after_a_refusal() -> None:
    planning = agent(replan_every=25)
    counted, state = Counted(planning), None
    for _ in range(4):
        _, state = planning.predict(OPEN, state)
    assert counted.plans == 1


# Refusals


def test_after_a_refused_action_it_tries_others() -> None:
    planning = agent()
    first, state = planning.predict(OPEN)
    second, state = planning.predict(OPEN, state)
    assert np.abs(second - first).max() > 0.2
    assert np.abs(second).max() <= 3
    assert np.array_equal(agent().predict(OPEN, agent().predict(OPEN)[1])[0], second)
    assert not np.array_equal(agent(seed=1).predict(OPEN, agent().predict(OPEN)[1])[0], second)
    moved = see([6.0, 10.0], [18.0, 10.0])
    after, _ = planning.predict(moved, state)
    np.testing.assert_allclose(after, agent().predict(moved)[0], atol=0.2)


def test_a_new_episode_begins_without_noise() -> None:
    planning = agent()
    first, state = planning.predict(OPEN)
    again, _ = planning.predict(OPEN, state, np.array([True]))
    np.testing.assert_allclose(again, first, atol=0.05)


def test_noise_grows_with_refusals_in_a_row() -> None:
    places, goals = np.tile([20.0, 10.0], (300, 1)), np.tile([20.0, 12.0], (300, 1))
    planning = agent(limits=(-30.0, 30.0), horizon=5, replan_every=1, caution=0.0)
    state, spreads = None, []
    for _ in range(4):
        actions, state = planning.predict(see(places, goals), state)
        spreads.append(actions.std(0).mean())
    assert spreads == sorted(spreads)
    assert spreads[3] > 2 * spreads[1]


# Interface


def test_stable_baselines_evaluates_it() -> None:
    env = Monitor(gym.make("unknot/Planar-v0"))
    returns, lengths = evaluate_policy(agent(), env, n_eval_episodes=3, return_episode_rewards=True)  # type: ignore[arg-type]
    assert isinstance(returns, list)
    assert lengths == [40, 40, 40]
    assert min(returns) > 15


@pytest.mark.parametrize(
    ("seen", "goal"), [((36, 36, 1), (36, 36, 1)), ((40, 40, 1), (40, 40, 3)), ((40, 40), (40, 40))]
)
def test_images_of_another_shape_are_refused(seen: tuple[int, ...], goal: tuple[int, ...]) -> None:
    observation = {"observation": np.zeros(seen, np.uint8), "desired_goal": np.zeros(goal, np.uint8)}
    with pytest.raises(ValueError, match=r"^(images|observation).* must (have|be) "):
        PlanningAgent(E2C(landmarks=20), caution=0).predict(observation)


@pytest.mark.parametrize(
    ("observation", "given"),
    [
        (OPEN["observation"], "ndarray"),
        ({"observation": OPEN["observation"]}, r"\['observation'\]"),
    ],
)
def test_an_observation_without_both_images_is_refused(observation: Any, given: str) -> None:
    with pytest.raises(ValueError, match=f"a mapping with the keys observation, desired_goal, not {given}"):
        agent().predict(observation)


def test_a_learner_that_was_not_surveyed_is_refused_unless_obstacles_are_ignored() -> None:
    with pytest.raises(ValueError, match="learner must be surveyed, unlike this E2C"):
        PlanningAgent(E2C(landmarks=20))
    assert PlanningAgent(E2C(landmarks=20), caution=0).roadmap is None


def test_a_learner_that_does_not_know_obstacles_plans_without_them() -> None:
    informed, uninformed = (PlanningAgent(TruePosition(blocked=blocked)) for blocked in (True, False))
    assert informed.roadmap is not None
    assert uninformed.roadmap is None
    assert uninformed.predict(OPEN)[0][0] > 2


class Still(Learner):
    """A learner without dynamics."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("nothing", torch.zeros(1))
        self.optimizers = {}

    def settings(self) -> dict[str, Any]:
        return {}

    def encode(self, images: Images | Tensor) -> Tensor:
        return torch.zeros(len(images), 2)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        return {}


def test_a_learner_is_loaded_from_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(LEARNERS, "Still", __name__)
    run = Path("runs/dynamics-content/first")
    for seed in (3, 5):
        torch.manual_seed(seed)
        save_learner(E2C(landmarks=20), run / f"seed-{seed}/published" / WEIGHTS)
    save_learner(Still(), run / "seed-3/still" / WEIGHTS)

    lowest = PlanningAgent.load("dynamics-content", caution=0)
    other = PlanningAgent.load(run, seed=5, horizon=7, caution=0)
    for seed, loaded in [(3, lowest), (5, other)]:
        torch.manual_seed(seed)
        image = OPEN["observation"][None]
        assert torch.equal(loaded.learner.encode(image), E2C(landmarks=20).encode(image))
    assert other.horizon == 7

    with pytest.raises(FileNotFoundError, match=r"unknown run .* did you mean .*dynamics-content/first"):
        PlanningAgent.load("dynamics-contents/first")
    with pytest.raises(FileNotFoundError, match=r"has no seed-4; it has seed-3, seed-5"):
        PlanningAgent.load(run, seed=4)
    with pytest.raises(FileNotFoundError, match="solid"):
        PlanningAgent.load(run, name="solid")
    with pytest.raises(WeightsError, match="holds the weights of Still, which is not a LocallyLinear"):
        PlanningAgent.load(run, name="still")
    weights = run / "seed-3/published" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="truncated"):
        PlanningAgent.load(run)


def test_a_model_of_a_run_is_named_after_it() -> None:
    agent, _ = find_agent("pretrained/dynamics-content/solid", "unknot/Planar-v0", {"collision": "solid"})(1)
    first, _ = find_agent("pretrained/dynamics-content", "unknot/Planar-v0", {})(1)
    assert isinstance(agent, PlanningAgent)
    assert isinstance(first, PlanningAgent)
    weights = [next(each.learner.encoder.parameters()) for each in (agent, first)]
    assert not torch.equal(*weights)
    with pytest.raises(FileNotFoundError, match="unknown agent 'pretrained/dynamics-content/sold'"):
        find_agent("pretrained/dynamics-content/sold", "unknot/Planar-v0", {})
