# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Grasp what was never seen
#
# A gripper shall lift an object that it never saw, from one view of a depth camera. The agent imagines the object's whole geometry, and asks of many poses whether a grasp would hold (Yan et al., 2017). The net ships with the package, PyBullet simulates. You need `pip install "unknot[learn,grasp]"` and Python 3.11.
#
# ## What the agent sees
#
# 21 of the 101 objects are kept for tests. The net never saw them.

# %%
from typing import Any

import gymnasium as gym
import matplotlib.pyplot as plt
import torch

import unknot  # noqa: F401  registers the environments

COPIES = 6
envs: Any = gym.make_vec("unknot/Grasp-v0", num_envs=COPIES, objects="test", autoreset_mode="Disabled")
observation, infos = envs.reset(seed=3)
print({name: array.shape for name, array in observation.items()})

figure, panels = plt.subplots(2, COPIES, figsize=(9, 3.1), layout="constrained")
for column, image, depth in zip(panels.T, observation["image"], observation["depth"], strict=True):
    column[0].imshow(image)
    column[1].imshow(depth, vmin=0.4, vmax=0.85)
for panel in panels.flat:
    panel.set(xticks=[], yticks=[])

# %% [markdown]
# ## What it imagines
#
# The net fills a grid of 32 × 32 × 32 cells with the probability that they belong to the object, the side that no camera saw included. Here are the grids as the camera sees them: the largest probability along its axis.

# %%
from unknot.agents import GraspAgent

agent = GraspAgent.load("pretrained/grasping")
with torch.no_grad():
    features = agent.net.observe(observation)
assert features.occupancy is not None

figure, panels = plt.subplots(1, COPIES, figsize=(9, 1.6), layout="constrained")
for k, panel in enumerate(panels):
    panel.imshow(features.occupancy[k].amax(0), vmin=0, vmax=1)
    panel.set(xticks=[], yticks=[])

# %% [markdown]
# ## Plan and grasp
#
# The agent proposes 256 poses around what it sees, scores them by the net, and improves the best by the cross-entropy method. The gripper closes there and lifts.

# %%
poses, _ = agent.predict(observation)
_, rewards, *_, infos = envs.step(poses)

figure, panels = plt.subplots(1, COPIES, figsize=(9, 1.8), layout="constrained")
for k, panel in enumerate(panels):
    panel.imshow(envs.unwrapped.simulation.frame(k))
    panel.set_title("held" if rewards[k] else "failed", fontsize=9)
    panel.axis("off")

# %% [markdown]
# ## Count
#
# Beside the agent stands a rule without a net, which closes the gripper across the narrow side of what the camera sees. Both have one attempt at each of the same 20 placements.

# %%
from unknot.agents import NarrowSideAgent, evaluate_agent

for name, player in {"imagined geometry": agent, "across the narrow side": NarrowSideAgent()}.items():
    result = evaluate_agent(
        player, "unknot/Grasp-v0", episodes=20, seed=0, env_kwargs={"objects": "test"}
    )
    low, high = result.interval
    print(f"{name}: {result.success_rate:.0%} [{low:.0%}, {high:.0%}]")

# %% [markdown]
# Twenty placements leave wide intervals. [The results](../results/grasping/README.md) have more, and the paper's own search, which starts from grasps that failed.
#
# ## Go on
#
# - Put meshes of your own there: `objects=load_objects("meshes/")` of `unknot.envs.grasp.objects`.
# - [Collect grasps on a cluster](../how-to/collect-grasps.md), and train the net on them.
# - [GraspReach-v0](../environments/GraspReach-v0.md) asks for the way to the object, too, step by step.
