"""Proximal policy optimisation in one file, in the style of CleanRL, on a native vector environment.

The agent observes true factors, so that it learns in seconds; without the wrapper it would observe images.

    python examples/cleanrl_ppo.py
"""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces.utils import flatdim
from torch import Tensor, nn
from torch.distributions import Categorical

import unknot  # noqa: F401  registers the environments
from unknot.envs import FactorVectorObservation

NUM_ENVS, NUM_STEPS, EPOCHS, MINIBATCHES = 32, 32, 4, 4
GAMMA, LAMBDA, CLIP, ENTROPY, RATE = 0.95, 0.9, 0.2, 0.01, 3e-3


class Policy(nn.Module):
    """Logits of the actions, and the value."""

    def __init__(self, inputs: int, actions: int) -> None:
        super().__init__()
        self.actor, self.critic = (
            nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, n))
            for n in (actions, 1)
        )

    def forward(self, observation: Tensor) -> tuple[Categorical, Tensor]:
        """Return the distribution of actions, and values (n,)."""
        return Categorical(logits=self.actor(observation)), self.critic(observation)[:, 0]


def main(updates: int = 60) -> float:
    """Train; return the share of the last update's episodes that succeeded."""
    torch.manual_seed(0)
    maze: dict[str, Any] = {"layout": "open", "size": 5, "max_steps": 20, "reward": "dense"}
    envs = FactorVectorObservation(
        gym.make_vec("unknot/Maze-v0", num_envs=NUM_ENVS, autoreset_mode="SameStep", **maze)
    )
    policy = Policy(flatdim(envs.single_observation_space), flatdim(envs.single_action_space))
    optimizer = torch.optim.Adam(policy.parameters(), RATE, eps=1e-5)
    observation = torch.as_tensor(envs.reset(seed=0)[0])
    for update in range(updates):
        rows = []
        successes: list[bool] = []
        for _ in range(NUM_STEPS):
            with torch.no_grad():
                actions, value = policy(observation)
                action = actions.sample()
            after, reward, terminated, truncated, infos = envs.step(action.numpy())
            ended = terminated | truncated
            if ended.any():
                successes.extend(infos["final_info"]["is_success"][ended])
            outcome = torch.tensor(reward).float(), torch.tensor(ended).float()
            rows.append((observation, action, actions.log_prob(action), value, *outcome))
            observation = torch.as_tensor(after)
        seen, taken, old, values, rewards, ends = map(torch.stack, zip(*rows, strict=True))

        advantages, advantage = torch.zeros_like(rewards), torch.zeros(NUM_ENVS)
        with torch.no_grad():
            next_value = policy(observation)[1]
        for step in reversed(range(NUM_STEPS)):  # generalised advantage estimation
            error = rewards[step] + GAMMA * (1 - ends[step]) * next_value - values[step]
            advantage = error + GAMMA * LAMBDA * (1 - ends[step]) * advantage
            advantages[step], next_value = advantage, values[step]
        batch = [part.flatten(0, 1) for part in (seen, taken, old, advantages, advantages + values)]

        for _ in range(EPOCHS):
            for chosen in torch.randperm(NUM_STEPS * NUM_ENVS).chunk(MINIBATCHES):
                x, u, before, gain, target = (part[chosen] for part in batch)
                actions, value = policy(x)
                ratio = (actions.log_prob(u) - before).exp()
                gain = (gain - gain.mean()) / (gain.std() + 1e-8)
                surrogate = torch.min(ratio * gain, ratio.clamp(1 - CLIP, 1 + CLIP) * gain).mean()
                loss = 0.5 * (value - target).square().mean() - surrogate - ENTROPY * actions.entropy().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
                optimizer.step()
        if update % 10 == 9:
            print(f"{(update + 1) * NUM_STEPS * NUM_ENVS} steps: {np.mean(successes):.0%} succeed")
    envs.close()
    return float(np.mean(successes))


if __name__ == "__main__":
    main()
