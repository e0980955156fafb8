"""Random calls of agents: odd observations, states and beginnings; and of their evaluation."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import unknot  # noqa: F401  (registers the environments)
from torture.fuzz.target import Target, pick, usually
from unknot.agents import (
    EncodedObservation,
    GridExpert,
    ILQRExpert,
    PlanningAgent,
    RandomAgent,
    StraightLineExpert,
    evaluate_agent,
    wilson_interval,
)
from unknot.agents.digit_expert import DigitExpert
from unknot.agents.latent_path import LatentPathAgent
from unknot.agents.maze_experts import MazeExpert
from unknot.envs import PlanarMap, PlanarWorld
from unknot.envs.mnist_grid import DIGITS
from unknot.representation import E2C
from unknot.representation.autoencoder import Autoencoder
from unknot.representation.latent_moves import LatentMoves


def targets() -> Iterable[Target]:
    """Return agents' `predict`, their constructors, and what evaluates them."""
    world = PlanarWorld(PlanarMap())
    maze: Any = gym.make("unknot/Maze-v0").unwrapped
    experts: dict[str, tuple[Any, tuple[str, ...], tuple[int, ...]]] = {
        "StraightLineExpert": (StraightLineExpert(), ("position",), (1, 2, 5)),
        "GridExpert": (GridExpert(world), ("position",), (1,)),
        "ILQRExpert": (ILQRExpert(world), ("position",), (1, 2)),
        "DigitExpert": (DigitExpert(8), DIGITS, (1, 2, 5)),
        "MazeExpert": (MazeExpert(maze.simulation), ("agent",), (1,)),
    }
    for name, (expert, factors, batches) in experts.items():
        calls = 40 if name == "GridExpert" else 200
        yield Target(f"{name}.predict", partial(_expert, expert, factors, batches), calls)
    learner = E2C(blocked=False, landmarks=4)
    moves = LatentMoves([[1.0, 0.0], [0.0, 1.0]], [0, 1], centre=[0.0, 0.0], shape=(8, 8, 1))
    path = LatentPathAgent(Autoencoder(shape=(8, 8, 1), latent_dim=2), moves, horizon=3)
    planner = PlanningAgent(learner, horizon=3, replan_every=1, iterations=2)
    yield Target("PlanningAgent.predict", partial(_images, planner, (40, 40, 1)), 200)
    yield Target("LatentPathAgent.predict", partial(_images, path, (8, 8, 1)), 200)
    yield Target("PlanningAgent", partial(_construct_planner, learner), 150)
    yield Target("RandomAgent.predict", _random, 300)
    yield Target("EncodedObservation", _encoded, 100)
    yield Target("evaluate_agent", _evaluate, 200)
    yield Target("wilson_interval", _interval, 200)


def _expert(agent: Any, names: tuple[str, ...], batches: tuple[int, ...], rng: np.random.Generator) -> None:
    n = int(rng.choice(batches))
    good = rng.integers(3, 8, (n, 2))
    odd = (good[0], good.astype(float), good * 0 - 1, np.full((n, 2), np.nan), good[:, :1], good[None])
    seen: Any = {
        part: {name: usually(rng, good[::-1] if part == "goal" else good, *odd) for name in names}
        for part in ("factors", "goal")
    }
    if rng.random() < 0.1:
        seen.pop("goal")
    seen, state = usually(rng, seen, seen.get("goal")), usually(rng, None)
    actions, _ = agent.predict(seen, state, usually(rng, None, np.ones(n, bool)), True)
    assert np.isfinite(np.asarray(actions, float)).all(), "an action is not finite"
    assert np.shape(actions)[:1] in ((n,), (2,), ()), "not an action for each row"


def _images(agent: Any, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    n = int(rng.integers(1, 4))
    good = rng.integers(256, size=(n, *shape)).astype(np.uint8)
    odd = (good[0], good[:0], good.astype(float), good[:, 1:], good[..., 0], good.tolist(), good[None])
    seen = {name: usually(rng, good, *odd) for name in ("observation", "desired_goal")}
    if rng.random() < 0.1:
        seen.pop("observation")
    _, before = agent.predict({"observation": good, "desired_goal": good})
    starts = usually(rng, None, np.ones(n, bool), np.zeros(n), True, np.ones(n + 1, bool))
    actions, state = agent.predict(usually(rng, seen, good), usually(rng, before, None), starts)
    assert np.isfinite(np.asarray(actions, float)).all(), "an action is not finite"
    assert state is not before, "the state was not replaced"


def _construct_planner(learner: E2C, rng: np.random.Generator) -> None:
    settings: dict[str, tuple[Any, ...]] = {
        "horizon": (3, 1),
        "replan_every": (1, 3),
        "limits": ((-1.0, 1.0), (1.0, -1.0), (-np.inf, np.inf), (0.0,)),
        "Q": (1.0, 0, -1),
        "R": (0.1, 0, -1),
        "caution": (0.0, 1.0),
        "margin": (0.0, -3),
        "iterations": (1, 2),
        "seed": (0, 7),
    }
    chosen = {name: usually(rng, *values) for name, values in settings.items()}
    PlanningAgent(usually(rng, learner), **chosen)


SPACES: tuple[gym.Space[Any], ...] = (
    gym.spaces.Box(0, 255, (7,), np.uint8),
    gym.spaces.Box(0, 255, (8, 8), np.uint8),
    gym.spaces.Discrete(5),
    gym.spaces.MultiBinary(3),
    gym.spaces.Dict({"a": gym.spaces.Discrete(4), "b": gym.spaces.Box(0, 1, (2, 2))}),
    gym.spaces.Tuple((gym.spaces.Discrete(4), gym.spaces.Box(0, 255, (4,), np.uint8))),
)


def _random(rng: np.random.Generator) -> None:
    space = SPACES[rng.integers(len(SPACES))]
    agent = RandomAgent(usually(rng, gym.spaces.Discrete(3)), usually(rng, 0, 7), space)
    n = int(rng.integers(1, 4))
    empty: Any = gym.vector.utils.create_empty_array(space, n)
    batch = gym.vector.utils.concatenate(space, [space.sample() for _ in range(n)], empty)
    one = rng.random() < 0.5
    seen = space.sample() if one else batch
    odd = usually(rng, seen, np.zeros((2,) * 5))
    actions, _ = agent.predict(odd)
    if odd is seen:
        assert np.shape(actions) == (() if one else (n,)), "not an action for each row"


def _first_pixels(images: Any) -> NDArray[Any]:
    """Return codes of images, or of a dict of them."""
    pixels: NDArray[Any] = (images["observation"] if isinstance(images, dict) else images)[:, 0, 0]
    return pixels


def _encoded(rng: np.random.Generator) -> None:
    env = gym.make("unknot/Planar-v0")
    encoders: tuple[Callable[[Any], Any], ...] = (_first_pixels, lambda images: 7)
    encode: Any = usually(rng, *encoders)
    wrapped = EncodedObservation(env, encode, usually(rng, (), ("x",), ["observation"]))
    observation, _ = wrapped.reset(seed=0)
    assert wrapped.observation_space.contains(observation)


class _Still:
    def predict(self, observation: Any, *_: Any) -> tuple[NDArray[np.float32], None]:
        return np.zeros((len(observation["observation"]), 2), np.float32), None


class _Absent:
    def predict(self, observation: Any, *_: Any) -> tuple[Any, None]:
        return np.full((len(observation["observation"]), 2), np.nan), None


def _evaluate(rng: np.random.Generator) -> None:
    result = evaluate_agent(
        usually(rng, _Still(), _Absent(), StraightLineExpert()),
        usually(rng, "unknot/Planar-v0", "unknot/Nowhere-v0"),
        usually(rng, 2, 1),
        usually(rng, 0, 5),
        problems=usually(rng, None, [{"goal": {"position": [20, 30]}}] * 2, [{"goal": 1}], "problems"),
        max_steps=int(rng.integers(1, 3)) if rng.random() < 0.9 else pick(rng, 0, -1, True, nonsense=0),
        env_kwargs=usually(rng, None, {"collision": "nonsense"}),
        on_step=usually(rng, None, lambda *_: None),
    )
    assert 0 <= result.success_rate <= 1


def _interval(rng: np.random.Generator) -> None:
    low, high = wilson_interval(usually(rng, 3, 0, 11), usually(rng, 10, 1, 0), usually(rng, 1.96, 0.5, -1))
    assert 0 <= low <= high <= 1
