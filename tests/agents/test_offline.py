"""Minari datasets hold episodes to the bit, and learners read any dataset."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import h5py
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

import unknot  # noqa: F401  registers the environments
from unknot.agents import RandomAgent, StraightLineExpert, evaluate_agent, record, transitions
from unknot.envs import GoalConditioned
from unknot.files import FileError

ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "unknot/Planar-v0": {"max_steps": 12, "task": "anywhere", "terminate_on_success": True},
    "unknot/Maze-v0": {"max_steps": 12, "size": 4, "actions": ("down", "left", "right", "up")},
    "unknot/MnistGrid-v0": {"max_steps": 12, "digits": "digits"},
}


@pytest.fixture(autouse=True)
def _datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))


def make(name: str = "unknot/Planar-v0", **settings: Any) -> gym.Env[Any, Any]:
    return gym.make(name, **ENVIRONMENTS[name] | settings)


def image(observation: Any) -> Any:
    return observation["observation"] if isinstance(observation, dict) else observation


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(np.array_equal(a, b))


def steps(episode: Any) -> tuple[Any, ...]:
    return (
        episode.observations,
        episode.actions,
        episode.rewards,
        episode.terminations,
        episode.truncations,
        episode.infos,
    )


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_episodes_can_be_played_again(name: str) -> None:
    env = make(name)
    record(env, RandomAgent(env.action_space), 3, seed=5, dataset="tests/a-v0", progress=False)
    dataset = minari.load_dataset("tests/a-v0")
    again = dataset.recover_environment()
    assert (dataset.total_episodes, dataset.total_steps) == (3, sum(len(e.actions) for e in dataset))
    for k, episode in enumerate(dataset):
        observation, info = again.reset(seed=5 + k)
        played = [observation]
        assert episode.infos is not None
        for t, action in enumerate(episode.actions):
            observation, *outcome, info = again.step(action)
            recorded = (episode.rewards[t], episode.terminations[t], episode.truncations[t])
            assert recorded == tuple(outcome)
            assert same(info["factors"], {n: v[t + 1] for n, v in episode.infos["factors"].items()})
            played.append(observation)
        images = np.stack([image(each) for each in played])
        assert np.array_equal(np.moveaxis(image(episode.observations), 1, -1), images)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_transitions_are_those_of_the_environment(name: str) -> None:
    env = make(name)
    record(env, RandomAgent(env.action_space), 2, seed=1, dataset="tests/a-v0", progress=False)
    dataset = minari.load_dataset("tests/a-v0")
    data = transitions(dataset)
    assert data["action"].dtype == env.action_space.dtype
    observation, _ = env.reset(seed=1)
    for t in range(len(dataset[0].actions)):
        assert np.array_equal(data["observation"][t], image(observation))
        observation, *_ = env.step(data["action"][t])
        assert np.array_equal(data["next_observation"][t], image(observation))
    assert np.array_equal(data["observation"][t + 1], image(env.reset(seed=2)[0]))
    assert {len(array) for array in data.values()} == {dataset.total_steps}


def test_it_records_the_episodes_that_evaluation_counts() -> None:
    recorded = record(make(), StraightLineExpert(), 20, seed=3, dataset="tests/a-v0", progress=False)
    counted = evaluate_agent(
        StraightLineExpert(), "unknot/Planar-v0", 20, seed=3, env_kwargs=ENVIRONMENTS["unknot/Planar-v0"]
    )
    assert 0 < recorded.success_rate < 1
    assert np.array_equal(recorded.successes, counted.successes)
    dataset = minari.load_dataset("tests/a-v0")
    assert [e.infos["is_success"][-1] for e in dataset] == counted.successes.tolist()
    assert dataset.storage.metadata["algorithm_name"] == "StraightLineExpert"


class Interrupted(StraightLineExpert):
    """Raises KeyboardInterrupt in its third episode."""

    begun = 0

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None, *rest: Any) -> Any:
        self.begun += int(episode_start[0])
        if self.begun == 3:
            raise KeyboardInterrupt
        return super().predict(observation)


def test_an_interrupted_recording_is_resumed(tmp_path: Path) -> None:
    record(make(), StraightLineExpert(), 4, seed=3, dataset="whole-v0", progress=False)
    with pytest.raises(KeyboardInterrupt):
        record(make(), Interrupted(), 4, seed=3, dataset="part-v0", progress=False)
    assert minari.load_dataset("part-v0").total_episodes == 2
    with h5py.File(tmp_path / "part-v0" / "data" / "main_data.hdf5", "a") as file:
        file["episode_2/rewards"] = [1.0]  # as if writing had been cut off
    with pytest.raises(FileExistsError, match="dataset part-v0 exists already"):
        record(make(), StraightLineExpert(), 4, seed=3, dataset="part-v0", progress=False)
    record(make(), StraightLineExpert(), 4, seed=3, dataset="part-v0", resume=True, progress=False)
    whole, part = (minari.load_dataset(name) for name in ("whole-v0", "part-v0"))
    assert len(part) == 4
    assert all(
        same(a, b) for x, y in zip(whole, part, strict=True) for a, b in zip(steps(x), steps(y), strict=True)
    )


def test_a_complete_dataset_or_one_of_another_environment_is_not_resumed() -> None:
    record(make(), StraightLineExpert(), 2, seed=3, dataset="tests/a-v0", progress=False)
    with pytest.raises(
        ValueError, match=r"episodes must be above 2, which dataset tests/a-v0 already has, not 2"
    ):
        record(make(), StraightLineExpert(), 2, seed=3, dataset="tests/a-v0", resume=True, progress=False)
    with pytest.raises(ValueError, match=r'is of the environment .*"anywhere".*, not of .*"corners"'):
        record(make(task="corners"), StraightLineExpert(), 3, 3, "tests/a-v0", resume=True, progress=False)


@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_copies_record_the_episodes_of_a_single_environment(mode: str) -> None:
    """Five episodes of different lengths, three at a time."""
    name, agent = "unknot/Planar-v0", StraightLineExpert()
    settings = ENVIRONMENTS[name] | {"max_steps": 25}
    record(gym.make(name, **settings), agent, 5, seed=3, dataset="one-v0", progress=False)
    copies = gym.make_vec(name, num_envs=3, autoreset_mode=mode, **settings)
    record(copies, agent, 2, seed=3, dataset="more-v0", progress=False)
    record(copies, agent, 5, seed=3, dataset="more-v0", resume=True, progress=False)
    one, more = (minari.load_dataset(name) for name in ("one-v0", "more-v0"))
    assert len({len(episode.actions) for episode in one}) > 1
    assert len(more) == 5
    for a, b in zip(one, more, strict=True):
        assert all(same(x, y) for x, y in zip(steps(a), steps(b), strict=True))
    assert one.env_spec == more.env_spec


def test_same_step_autoreset_is_refused() -> None:
    copies = gym.make_vec("unknot/Planar-v0", num_envs=2, autoreset_mode="SameStep")
    with pytest.raises(ValueError, match="the autoreset mode NEXT_STEP or DISABLED, not SAME_STEP"):
        record(copies, StraightLineExpert(), 2, seed=3, dataset="a-v0", progress=False)


def test_goals_as_arrays_are_recorded() -> None:
    env = GoalConditioned(make(), observe="factors")
    record(env, RandomAgent(env.action_space), 2, seed=3, dataset="tests/a-v0", progress=False)
    dataset = minari.load_dataset("tests/a-v0")
    assert dataset.observation_space == env.observation_space
    assert transitions(dataset)["observation"].shape == (24, 2)
    assert dataset.recover_environment().observation_space == env.observation_space


def foreign(observations: Any, space: gym.Space[Any]) -> minari.MinariDataset:
    """A dataset of two steps that `record` did not write."""
    episode = EpisodeBuffer(
        observations=observations,
        actions=np.array([0, 1]),
        rewards=[0.0, 0.0],
        terminations=[False, False],
        truncations=[False, True],
    )
    return minari.create_dataset_from_buffers(
        "other/a-v0", [episode], action_space=gym.spaces.Discrete(2), observation_space=space
    )


@pytest.mark.filterwarnings("ignore:.*is set to None.*", "ignore:env_spec is None.*")
def test_datasets_that_record_did_not_write_are_read() -> None:
    """Minari stores colour images as JPEG."""
    smooth = np.linspace(0, 255, 48, dtype=np.uint8)
    images = np.stack(
        [np.broadcast_to(value[:, None, None], (48, 48, 3)) for value in (smooth, smooth[::-1], smooth)]
    )
    dataset = foreign(list(images), gym.spaces.Box(0, 255, (48, 48, 3), np.uint8))
    data = transitions(dataset)
    assert data["next_observation"].shape == (2, 48, 48, 3)
    np.testing.assert_allclose(data["observation"].astype(int), images[:2], atol=4)
    np.testing.assert_allclose(data["next_observation"].astype(int), images[1:], atol=4)


@pytest.mark.filterwarnings("ignore:.*is set to None.*", "ignore:env_spec is None.*")
def test_a_missing_entry_or_an_empty_dataset_is_refused() -> None:
    space = gym.spaces.Dict({"camera": gym.spaces.Box(0, 1, (2,), np.float64)})
    dataset = foreign({"camera": np.zeros((3, 2))}, space)
    with pytest.raises(
        ValueError, match=r"unknown entry of the observations .* 'observation'; there is 'camera'"
    ):
        transitions(dataset)
    with pytest.raises(ValueError, match="no steps"):
        transitions(dataset.filter_episodes(lambda episode: False), "camera")


class Shown(gym.Env[Any, Any]):
    """Shows random samples of a space, also in its infos; three steps long."""

    def __init__(self, space: gym.Space[Any]) -> None:
        self.observation_space, self.action_space = space, gym.spaces.MultiDiscrete([3, 4], dtype=np.uint8)
        self.shown: list[Any] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.shown, self.steps = [], 0
        return self.show()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        observation, info = self.show()
        return observation, 0.0, False, self.steps == 3, info

    def show(self) -> tuple[Any, dict[str, Any]]:
        self.shown.append(self.observation_space.sample())
        bytes_ = np.full((4, 5), 200 + self.steps, np.uint8)
        return self.shown[-1], {"is_success": False, "bytes": bytes_, "row": bytes_[0]}


class Resting:
    """Takes the first of all actions."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        return np.zeros((len(episode_start), 2), np.uint8), state


def bytes_of(*shape: int) -> gym.spaces.Box:
    return gym.spaces.Box(0, 255, shape, np.uint8)


def recorded(space: gym.Space[Any]) -> tuple[Shown, minari.MinariDataset]:
    env = Shown(space)
    record(env, Resting(), 1, seed=3, dataset="tests/a-v0", progress=False)
    return env, minari.load_dataset("tests/a-v0")


SHAPES = [
    (128,),
    (2,),
    (7, 7),
    (3, 3, 3),
    (7, 7, 3),
    (7, 7, 20),
    (3, 7, 7),
    (4, 5, 5),
    (40, 5, 1),
    (1, 2, 3, 4),
]


@pytest.mark.filterwarnings("ignore:.*is set to None.*", "ignore:env_spec is None.*")
@pytest.mark.parametrize("shape", [*SHAPES, (32, 32, 3), (40, 36, 1), (33, 34, 31)])
def test_bytes_come_back_to_the_bit_and_in_their_shape(shape: tuple[int, ...]) -> None:
    env, dataset = recorded(bytes_of(*shape))
    data = transitions(dataset)
    assert np.array_equal(data["observation"], env.shown[:-1])
    assert np.array_equal(data["next_observation"], env.shown[1:])
    episode = dataset[0]
    assert episode.actions.dtype == np.uint8
    assert episode.actions.shape == (3, 2)
    assert episode.infos["bytes"].dtype == np.uint8
    assert np.array_equal(episode.infos["bytes"][:, 0, 0], [200, 201, 202, 203])
    assert episode.infos["row"].shape == (4, 5)


def test_grey_images_get_a_channel() -> None:
    env, dataset = recorded(bytes_of(40, 33))
    assert np.array_equal(transitions(dataset)["observation"][..., 0], env.shown[:-1])


def test_tuples_are_recorded_part_by_part_and_refused_as_transitions() -> None:
    space = gym.spaces.Tuple([bytes_of(3, 3, 3), gym.spaces.Dict({"a": bytes_of(40, 40, 3)})])
    env, dataset = recorded(space)
    first, second = dataset[0].observations
    assert np.array_equal(first, [shown[0] for shown in env.shown])
    assert np.array_equal(np.moveaxis(second["a"], 1, -1), [shown[1]["a"] for shown in env.shown])
    with pytest.raises(
        ValueError, match="dataset tests/a-v0 must have observations that are arrays, not of Tu"
    ):
        transitions(dataset)


@pytest.mark.parametrize("space", [bytes_of(40, 40, 40), gym.spaces.Text(3)])
def test_spaces_that_can_not_be_stored_are_refused_before_anything_is_played(space: gym.Space[Any]) -> None:
    env = Shown(space)
    with pytest.raises(ValueError, match="env must have observations that Minari stores losslessly"):
        record(env, Resting(), 1, seed=3, dataset="tests/a-v0", progress=False)
    assert not env.shown


@pytest.mark.filterwarnings("ignore:.*is set to None.*", "ignore:env_spec is None.*")
@pytest.mark.parametrize("shape", [(7, 7, 3), (128,), (7, 7)])
def test_jpegs_that_minari_does_not_decode_are_refused(shape: tuple[int, ...]) -> None:
    dataset = foreign(np.zeros((3, *shape), np.uint8), bytes_of(*shape))
    with pytest.raises(ValueError, match=r"dataset other/a-v0 has observations of .*JPEGs"):
        transitions(dataset)


@pytest.mark.filterwarnings("ignore:.*is set to None.*", "ignore:env_spec is None.*")
def test_foreign_bytes_that_are_no_images_keep_their_axes() -> None:
    cells = np.random.default_rng(0).integers(0, 256, (3, 7, 7, 20), np.uint8)
    data = transitions(foreign(cells, bytes_of(7, 7, 20)))
    assert np.array_equal(data["observation"], cells[:2])


def test_a_damaged_dataset_is_named(tmp_path: Path) -> None:
    record(make(), StraightLineExpert(), 1, seed=3, dataset="tests/a-v0", progress=False)
    dataset = minari.load_dataset("tests/a-v0")
    path = tmp_path / "tests" / "a-v0" / "data" / "main_data.hdf5"
    with h5py.File(path, "a") as file:
        del file["episode_0/rewards"]
    with pytest.raises(FileError, match=r"main_data\.hdf5 is not a dataset of Minari, or damaged"):
        transitions(dataset)
    path.write_bytes(b"")
    with pytest.raises(FileError, match=r"main_data\.hdf5 is not a dataset of Minari, or damaged"):
        transitions(dataset)
    with pytest.raises(FileError, match=r"a-v0.* is not a dataset of Minari, or damaged"):
        record(make(), StraightLineExpert(), 2, 3, "tests/a-v0", resume=True, progress=False)
