"""Wrap an environment for TorchRL, and act in it with your own network (pip install torchrl).

python examples/torchrl_rollout.py
"""

import torch
from torch import Tensor, nn

try:
    from tensordict.nn import TensorDictModule
    from torchrl.envs import GymEnv, check_env_specs
except ModuleNotFoundError as error:
    raise SystemExit(f"this example needs {error.name}: pip install torchrl") from error

import unknot  # noqa: F401  registers the environments


class Policy(nn.Module):
    """Maps scene and goal, two channels of an image, to actions in [-3, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 8, 5, 4), nn.ReLU(), nn.Flatten(), nn.Linear(648, 2), nn.Tanh()
        )

    def forward(self, observation: Tensor, desired_goal: Tensor) -> Tensor:
        """Return actions (..., 2) for images (..., 40, 40, 1)."""
        images = torch.cat([observation, desired_goal], -1).movedim(-1, -3).float() / 255
        actions: Tensor = 3 * self.layers(images.reshape(-1, 2, 40, 40))
        return actions.reshape(*images.shape[:-3], 2)


def main(steps: int = 40) -> float:
    """Check the environment's TorchRL specs, and return the summed reward of one rollout."""
    torch.manual_seed(0)
    env = GymEnv("unknot/Planar-v0", reward="dense")
    check_env_specs(env)
    env.set_seed(0)
    policy = TensorDictModule(Policy(), in_keys=["observation", "desired_goal"], out_keys=["action"])
    rollout = env.rollout(steps, policy)
    frames, total = rollout["observation"], float(rollout["next", "reward"].sum())
    print(f"{tuple(frames.shape)} {frames.dtype}, summed reward {total:.0f}")
    env.close()
    return total


if __name__ == "__main__":
    main()
