"""Agents as files: a saved agent acts as before, and no file runs code unless it is trusted."""

import json
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.save_util import data_to_json

from unknot.agents import evaluate_agent
from unknot.agents.extractors import ArrayExtractor, EncoderExtractor, PixelExtractor, Places
from unknot.agents.named import find_agent
from unknot.agents.saved import (
    POLICY,
    AgentSettings,
    SavedAgent,
    load_zip,
    make_model,
    save_settings,
)
from unknot.agents.stable_baselines import GymVecEnv
from unknot.files import FileError, WeightsError, read_json, write_json
from unknot.representation.autoencoder import Autoencoder

PLANAR, MAZE = "unknot/Planar-v0", "unknot/Maze-v0"
SHORT: dict[str, Any] = {"max_steps": 4}
SMALL: dict[str, Any] = {"n_steps": 4, "batch_size": 4}
BOARD: dict[str, Any] = {**SHORT, "layout": "open", "goal": "image"}


def make_encoder() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(shape=(64, 64, 3)).eval()


def untrained(settings: AgentSettings, encoder: Any = None) -> SavedAgent:
    venv = GymVecEnv(settings.make_environment(2, encoder, learning=True))
    return SavedAgent(settings, make_model(settings, venv, encoder), encoder)


CASES = {
    "pixels": (AgentSettings("PPO", PLANAR, SHORT, hyperparameters=SMALL), False),
    "factors": (AgentSettings("SAC", PLANAR, SHORT, "factors", hyperparameters={"buffer_size": 10}), False),
    "goals": (AgentSettings("TD3", PLANAR, SHORT, her=True, hyperparameters={"buffer_size": 10}), False),
    "codes": (AgentSettings("DQN", MAZE, BOARD, "codes", hyperparameters={"buffer_size": 10}), True),
    "tuned": (AgentSettings("A2C", MAZE, BOARD, "codes", finetune=True), True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_saved_agent_acts_as_before(case: str, tmp_path: Path) -> None:
    settings, coded = CASES[case]
    encoder = make_encoder() if coded else None
    agent = untrained(settings, encoder)
    for module in agent.model.policy.modules():  # standardisation is saved, too
        if isinstance(module, ArrayExtractor):
            module.mean.fill_(0.5)
    save_settings(settings, encoder, tmp_path / "seed-0")
    agent.save(tmp_path / "seed-0")
    again = SavedAgent.load(tmp_path)
    assert again.settings == settings
    env = agent.make_environment(settings.environment, 3, settings.options)
    observation, _ = env.reset(seed=1)
    actions, repeated = (each.predict(observation, deterministic=True)[0] for each in (agent, again))
    np.testing.assert_array_equal(actions, repeated)
    assert evaluate_agent(again, env, 3).lengths.tolist() == [4] * 3


def test_an_agent_acts_in_other_environments_only_if_their_spaces_are_the_same(tmp_path: Path) -> None:
    settings = AgentSettings("PPO", PLANAR, SHORT, hyperparameters=SMALL)
    agent = untrained(settings)
    save_settings(settings, None, tmp_path / "seed-0")
    agent.save(tmp_path / "seed-0")
    _, env = find_agent(str(tmp_path), PLANAR, {"appearance": "cross", **SHORT})(2)
    assert env.num_envs == 2
    with pytest.raises(ValueError, match=r"learnt with the observation_space .*Maze-v0 has Box"):
        find_agent(str(tmp_path), MAZE, {})
    with pytest.raises(ValueError, match=r"learnt with the action_space .*Planar-v0 has Box"):
        find_agent(str(tmp_path), PLANAR, {"normalize_actions": True})


def test_weights_of_a_different_algorithm_or_size_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "seed-0"
    settings = AgentSettings("PPO", PLANAR, SHORT, hyperparameters=SMALL)
    save_settings(settings, None, folder)
    untrained(settings).save(folder)
    write_json(
        folder / "agent.json", {**read_json(folder / "agent.json"), "algorithm": "A2C", "hyperparameters": {}}
    )
    with pytest.raises(WeightsError, match="weights of PPO, not of A2C"):
        SavedAgent.load(folder)
    other = {**read_json(folder / "agent.json"), "algorithm": "PPO", "hyperparameters": {"width": 7}}
    write_json(folder / "agent.json", other)
    with pytest.raises(WeightsError, match="does not fit"):
        SavedAgent.load(folder)
    write_json(folder / "agent.json", {**other, "algorithm": "PPQ"})
    with pytest.raises(FileError, match="did you mean 'PPO'"):
        SavedAgent.load(folder)


# Zip files of Stable-Baselines3


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    """An honest file."""
    venv = GymVecEnv(AgentSettings("A2C", PLANAR, SHORT, "factors").make_environment(1, learning=True))
    A2C("MlpPolicy", venv, device="cpu").save(tmp_path / "honest.zip")
    return tmp_path / "honest.zip"


def test_a_malicious_file_does_not_run(zipped: Path, tmp_path: Path) -> None:
    mark, evil = tmp_path / "mark", tmp_path / "evil.zip"
    with zipfile.ZipFile(zipped) as archive, zipfile.ZipFile(evil, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "data":
                bad = json.loads(data_to_json({"policy_class": Evil(mark)}))
                content = json.dumps({**json.loads(content), **bad}).encode()
            copy.writestr(name, content)
    with pytest.raises(FileError, match="runs whatever code its author put there"):
        load_zip(evil, trust_pickle=False)
    with pytest.raises(FileError, match="--trust-pickle"):
        find_agent(str(evil), PLANAR, {})
    (tmp_path / "seed-0").mkdir()
    save_settings(AgentSettings("A2C", PLANAR, SHORT, "factors"), None, tmp_path / "seed-0")
    (tmp_path / "seed-0" / POLICY).write_bytes(evil.read_bytes())  # nor under a trusted name
    with pytest.raises(WeightsError, match="is a pickle"):
        SavedAgent.load(tmp_path)
    assert not mark.exists()
    with pytest.raises(Exception):  # noqa: B017, PT011  it runs, and is no policy
        load_zip(evil, trust_pickle=True)
    assert mark.exists()


def test_an_honest_file_is_opened_if_trusted(zipped: Path, tmp_path: Path) -> None:
    assert isinstance(load_zip(zipped, trust_pickle=True), A2C)
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(FileError, match=r"text\.zip is no file of Stable-Baselines3"):
        load_zip(tmp_path / "text.zip", trust_pickle=True)


def test_the_algorithm_of_a_file_is_identified_by_its_hallmark(tmp_path: Path) -> None:
    venv = GymVecEnv(AgentSettings("PPO", PLANAR, SHORT, "factors").make_environment(1, learning=True))
    PPO("MlpPolicy", venv, device="cpu", n_steps=4, batch_size=4).save(tmp_path / "ppo.zip")
    assert isinstance(load_zip(tmp_path / "ppo.zip", trust_pickle=True), PPO)


# Encoders


def test_a_fine_tuned_encoder_starts_unchanged_and_gets_gradients() -> None:
    encoder = make_encoder()
    settings = AgentSettings("A2C", MAZE, BOARD, "codes", finetune=True)
    policy: Any = untrained(settings, encoder).model.policy
    extractor = policy.features_extractor
    assert isinstance(extractor, EncoderExtractor)
    env = settings.make_environment(4)
    observation, _ = env.reset(seed=0)
    tensors, _ = policy.obs_to_tensor(observation)
    features = policy.extract_features(tensors)
    space: Any = env.single_observation_space
    assert list(space) != list(observation)  # features are in the space's order
    expected = torch.cat([encoder.encode(observation[key]) for key in space], 1)
    torch.testing.assert_close(features, expected)
    features.square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in extractor.encoder.parameters())
    assert all(p.grad is None for p in encoder.parameters())  # the learner itself is a different copy
    policy.set_training_mode(True)
    assert not extractor.encoder.training


def test_images_are_stacked_and_arrays_standardised() -> None:
    space = AgentSettings("SAC", PLANAR, SHORT, her=True).make_environment(1).single_observation_space
    extractor = PixelExtractor(_channels_first(space), square=4, channels=2, depth=1, width=5)
    batch = {
        "achieved_goal": torch.tensor([[1.0, 3.0], [3.0, 3.0]]),
        "desired_goal": torch.tensor([[10.0, 0.0], [20.0, 4.0]]),
        "observation": torch.rand(2, 1, 40, 40),
    }
    extractor.fit(batch)
    features = extractor(batch)
    assert features.shape == (2, extractor.features_dim) == (2, 9)
    torch.testing.assert_close(
        features[:, 5:], torch.tensor([[-1.0, 0, -1, -1], [1, 0, 1, 1]]), atol=1e-5, rtol=0
    )


def test_a_constant_number_is_centred_and_not_scaled() -> None:
    extractor = ArrayExtractor(gym.spaces.Box(-9, 9, (2,), np.float32))
    extractor.fit(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    torch.testing.assert_close(extractor(torch.tensor([[4.0, 5.5]])), torch.tensor([[2.0, 0.5]]))


def test_policies_begin_with_the_given_standard_deviation() -> None:
    settings = AgentSettings("PPO", PLANAR, SHORT, "factors", hyperparameters={**SMALL, "log_std_init": -1.5})
    policy: Any = untrained(settings).model.policy
    assert policy.log_std.tolist() == [-1.5, -1.5]


def test_features_read_at_a_place_do_not_depend_on_its_position() -> None:
    torch.manual_seed(0)
    net = Places(3, square=8, channels=6, depth=2, maps=4, width=5)
    patch = torch.rand(3, 24, 24)
    images = torch.zeros(3, 3, 80, 80)
    for image, (row, column) in zip(images, [(24, 24), (32, 24), (27, 24)], strict=True):
        image[:, row : row + 24, column : column + 24] = patch
    one, moved, cut = net(images)
    assert not torch.allclose(one, moved, atol=1e-4)  # the features include the position
    with torch.no_grad():
        net.read.weight.view(5, 4, 8)[:, :, :2] = 0
    one, moved, cut = net(images)
    torch.testing.assert_close(one, moved)
    assert not torch.allclose(one, cut, atol=1e-4)  # squares cut this patch differently


def _channels_first(space: Any) -> Any:
    from gymnasium import spaces

    image = spaces.Box(0, 255, (1, 40, 40), np.uint8)
    return spaces.Dict({name: image if name == "observation" else part for name, part in space.items()})
