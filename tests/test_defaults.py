"""Defaults and constants, written down a second time: nobody changes what results depend on unknowingly."""

import importlib
import inspect
from functools import reduce
from typing import Any

import pytest

DEFAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "planners/cem.py": {
        "CEM": {"population": 256, "elites": 32, "smoothing": 0.1, "iterations": 30, "tolerance": 0.001}
    },
    "planners/ilqr.py": {"ILQR": {"starts": 1, "iterations": 50, "tolerance": 1e-06}},
    "planners/mpc.py": {"RecedingHorizon": {"replan_every": 1, "replan_distance": float("inf")}},
    "planners/pose_search.py": {
        "DirectionSearch": {"length": (0.03, 0.5), "directions": 10, "steps": 20},
        "PoseCEM": {
            "std": (0.02, 0.4),
            "noise": (0.006, 0.1),
            "population": 32,
            "elites": 8,
            "smoothing": 0.2,
            "iterations": 6,
        },
    },
    "planners/roadmap.py": {"Roadmap": {"neighbours": 64}},
    "planners/search.py": {"BreadthFirst": {"limit": 1000}},
    "representation/metrics/attribute_auc.py": {"attribute_auc": {"seed": 0, "threshold": 0.95}},
    "representation/metrics/covariance.py": {
        "mapc": {"seed": 0},
        "cvr": {"seed": 0},
        "tdv": {"seed": 0},
        "ud90": {"seed": 0},
    },
    "representation/metrics/dci.py": {"dci": {"seed": 0}, "Regressor": {"slack": 0.0}},
    "representation/metrics/factor_vae.py": {
        "factor_vae": {"seed": 0, "train_votes": 300, "test_votes": 300, "images": 64}
    },
    "representation/metrics/higgins.py": {
        "higgins": {"seed": 0, "train_examples": 300, "test_examples": 300, "pairs": 64},
        "higgins_2": {"seed": 0, "train_examples": 3000, "test_examples": 3000},
    },
    "representation/metrics/kraskov.py": {
        "kraskov": {"neighbours": 3, "seed": 0},
        "factor_information": {"neighbours": 3, "dimensions": 4, "seed": 0},
        "best_partition": {"tries": 20, "rows": 1000, "neighbours": 3, "dimensions": 4, "seed": 0},
    },
    "representation/metrics/mig.py": {"mig": {"seed": 0, "bins": 20}},
    "representation/metrics/modes.py": {
        "find_modes": {"bandwidth": 0.25, "share": 0.05},
        "kernel_width": {"bandwidth": 0.25},
    },
    "representation/metrics/modularity.py": {"modularity": {"seed": 0, "bins": 20}},
    "representation/metrics/prediction_gain.py": {"prediction_gain": {"seed": 0}},
    "representation/metrics/recall.py": {"recall": {"neighbours": (1, 2, 4, 10)}},
    "representation/metrics/sap.py": {"sap": {"seed": 0}},
    "representation/metrics/unsupervised.py": {"unsupervised": {"seed": 0, "bins": 20}},
    "models/stacked.py": {"StackedNetworks": {"learning_rate": 0.01}},
    "models/image/capacity.py": {"CapacityVAE": {"gamma": 1000.0, "capacity": 25.0, "growth": 100000}},
    "models/image/dip.py": {"DIPVAE": {"off_diagonal": 10.0, "momentum": 0.9}},
    "models/image/embedding.py": {
        "Embedding": {
            "shape": (32, 32, 3),
            "latent_dim": 22,
            "dimensions": 2,
            "width": 32,
            "hidden": 256,
            "learning_rate": 0.001,
        }
    },
    "models/image/embedding_losses.py": {
        "triplet_loss": {"margin": 1.0},
        "histogram_loss": {"bins": 151},
        "binomial_deviance_loss": {"alpha": 2.0, "beta": 0.5, "cost": 25.0},
    },
    "models/image/factor.py": {
        "FactorVAE": {
            "gamma": 35.0,
            "discriminator_width": 1000,
            "discriminator_layers": 6,
            "discriminator_updates": 1,
            "discriminator_rate": 0.0001,
        }
    },
    "models/image/factor_generator.py": {
        "FactorGenerator": {
            "shape": (64, 64, 1),
            "first": 0.5,
            "capacity": 25.0,
            "growth": 100000,
            "width": 32,
            "hidden": 256,
            "learning_rate": 0.0005,
        }
    },
    "models/image/infogan.py": {
        "InfoGAN": {
            "shape": (64, 64, 3),
            "latent_dim": 6,
            "noise_dim": 128,
            "width": 32,
            "information_weight": 8.0,
            "penalty_weight": 10.0,
            "critic_updates": 5,
            "learning_rate": 0.0001,
        }
    },
    "models/image/penalised_autoencoder.py": {
        "PenalisedAutoencoder": {"code_dim": 84, "weight": 0.08, "learning_rate": 0.001}
    },
    "models/image/tc.py": {"BetaTCVAE": {"beta": 6.0}},
    "models/image/vae.py": {
        "VariationalAutoencoder": {
            "shape": (64, 64, 1),
            "latent_dim": 10,
            "width": 32,
            "hidden": 256,
            "likelihood_weight": 1.0,
            "noise": 0.0,
            "warm_up": 0,
            "learning_rate": 0.0005,
        },
        "PosteriorSamples": {"seed": 0},
        "VAE": {"beta": 1.0},
    },
    "models/image/pair_generator.py": {
        "PairGenerator": {
            "shape": (32, 32, 3),
            "identity_dim": 50,
            "observation_dim": 50,
            "width": 32,
            "average": 0.999,
            "learning_rate": 0.0002,
            "momentum": 0.5,
        }
    },
    "models/image/sdgan.py": {"SDGAN": {"together": 2, "r1": 1.0, "unmatched": 0.5, "shift": 2}},
    "models/image/sdbegan.py": {
        "SDBEGAN": {"gamma": 0.5, "balance_rate": 0.001, "halve_every": 100000, "floor": 2e-05}
    },
    "models/image/factor_reader.py": {
        "FactorReader": {"shape": (32, 32, 3), "width": 32, "hidden": 256, "learning_rate": 0.001}
    },
    "models/video/game.py": {
        "VideoGAN": {
            "shape": (64, 64, 3),
            "frames": 16,
            "length": 32,
            "clips": 8,
            "discriminator_width": 16,
            "r1": 0.01,
            "clip_r1": 2.0,
            "average": 0.999,
            "learning_rate": 0.001,
            "discriminator_rate": 0.001,
            "momentum": 0.5,
            "weight_decay": 0.0,
        }
    },
    "models/video/mocogan.py": {
        "MoCoGAN": {
            "content_dim": 16,
            "motion_dim": 16,
            "noise_dim": 8,
            "remember": 3.0,
            "width": 16,
            "warm_up": 0,
            "categories": 0,
        }
    },
    "models/video/vgan.py": {"VGAN": {"latent_dim": 32, "width": 16}},
    "models/video/sequential_vae.py": {
        "SequentialVAE": {
            "shape": (64, 64, 3),
            "length": 16,
            "content_dim": 16,
            "motion_dim": 16,
            "width": 32,
            "hidden": 128,
            "steps": 10_000,
            "learning_rate": 0.001,
        }
    },
    "models/video/independent_predictor.py": {
        "IndependentPredictor": {
            "shape": (64, 64, 3),
            "factors": 2,
            "factor_dim": 8,
            "width": 32,
            "hidden": 256,
            "variance": 0.25,
            "likelihood_weight": 1.0,
            "warm_up": 0,
            "learning_rate": 0.0003,
        }
    },
    "representation/autoencoder.py": {
        "Autoencoder": {"shape": (40, 40, 1), "latent_dim": 8, "learning_rate": 0.001}
    },
    "representation/discrete_selectivity.py": {
        "DiscreteSelectivity": {
            "shape": (40, 40, 1),
            "actions": 8,
            "features": 8,
            "steps": 2500,
            "smoothness": 0.1,
            "spread": 1.0,
            "pull": 1.0,
            "shrink": 0.003,
            "learning_rate": 0.003,
        }
    },
    "representation/grasp_net.py": {
        "GraspNet": {
            "width": 16,
            "hidden": 192,
            "shape_steps": 1000,
            "outcome_steps": 1000,
            "learning_rate": 0.002,
        }
    },
    "representation/interaction.py": {"interactions": {"steps": 1}},
    "representation/latent_moves.py": {
        "LatentMoves": {
            "shape": (64, 64, 3),
            "features": 32,
            "hidden": 64,
            "noise": 0.15,
            "learning_rate": 0.003,
            "steps": 600,
        }
    },
    "representation/locally_linear.py": {
        "LocallyLinear": {
            "shape": (40, 40, 1),
            "latent_dim": 2,
            "action_dim": 2,
            "content_dim": 0,
            "sets": 1,
            "gain": 0.1,
            "gauge": 1.0,
            "pull": 1.0,
            "landmarks": 1000,
            "learning_rate": 0.002,
            "steps": 2000,
        },
        "LocallyLinear.survey": {"steps": 2000, "seed": 0},
        "LocallyLinear.encode_all": {"batch": 1024},
    },
    "representation/multistep_selectivity.py": {
        "MultistepSelectivity": {
            "horizon": 3,
            "names": 16,
            "attraction": 2.0,
            "even": 0.1,
            "width": 0.36,
            "sharpness": 4.0,
            "exploration": 0.25,
            "entropy": 0.02,
            "reconstruction": 0.0,
            "learning_rate": 0.002,
        },
        "Names": {"hidden": 128},
    },
    "representation/projection.py": {"Frustum.sample": {"without": 0.0}},
    "representation/rce.py": {"RCE": {"swap": 1.0}},
    "representation/e2c.py": {"E2C": {"consistency": 1.0}},
    "representation/scene_selectivity.py": {
        "SceneSelectivity": {"even": 1.0, "least": 0.0, "hindsight": 0.5, "calm": 0.005},
        "Bounded": {"hidden": 64},
        "PlaceEncoder": {"maps": 16},
    },
    "representation/selectivity.py": {
        "Selectivity": {
            "shape": (64, 64, 3),
            "latent_dim": 2,
            "width": 0.6,
            "factors": 32,
            "selectivity": 1.0,
            "spread": 2.0,
            "sharpness": 3.0,
            "pull": 1.0,
            "reconstruction": 0.02,
            "autoencode_from": 0.6,
            "entropy": 0.0,
            "commit": 0.5,
            "gain": 5.0,
            "exploration": 0.1,
            "learning_rate": 0.001,
            "steps": 2000,
        },
        "Bilinear": {"hidden": 64},
    },
    "envs/maze.py": {
        "Maze": {
            "num_envs": 1,
            "size": 8,
            "blocks": 0.2,
            "water": 0.0,
            "switches": 0,
            "switch_states": 2,
            "actions": ("down", "left", "right", "up", "pass", "toggle"),
            "max_steps": 100,
        },
        "MazeEnv": {
            "size": 8,
            "blocks": 0.2,
            "water": 0.0,
            "switches": 0,
            "switch_states": 2,
            "actions": ("down", "left", "right", "up", "pass", "toggle"),
            "max_steps": 100,
        },
        "MazeVectorEnv": {
            "num_envs": 1,
            "size": 8,
            "blocks": 0.2,
            "water": 0.0,
            "switches": 0,
            "switch_states": 2,
            "actions": ("down", "left", "right", "up", "pass", "toggle"),
            "max_steps": 100,
        },
    },
    "envs/maze_frames.py": {"rounded": {"radius": 0.3}},
    "envs/mnist_grid.py": {
        "MnistGrid": {"num_envs": 1, "size": 5, "pixels": 64, "max_steps": 40},
        "MnistGridEnv": {"size": 5, "pixels": 64, "max_steps": 40},
        "MnistGridVectorEnv": {"num_envs": 1, "size": 5, "pixels": 64, "max_steps": 40},
    },
    "envs/planar.py": {
        "Planar": {
            "num_envs": 1,
            "noise": 0.0,
            "max_steps": 40,
            "map_seed": 0,
            "half_agent": 1.5,
            "obstacle_brightness": 128,
        },
        "PlanarEnv": {
            "noise": 0.0,
            "max_steps": 40,
            "map_seed": 0,
            "half_agent": 1.5,
            "obstacle_brightness": 128,
        },
        "PlanarVectorEnv": {
            "num_envs": 1,
            "noise": 0.0,
            "max_steps": 40,
            "map_seed": 0,
            "half_agent": 1.5,
            "obstacle_brightness": 128,
        },
    },
    "envs/planar_world.py": {
        "find_map": {"seed": 0},
        "random_map": {"obstacles": 10},
        "PlanarWorld": {"noise": 0.0, "half_agent": 1.5, "obstacle_brightness": 128},
    },
    "envs/vector.py": {"SimulationVectorEnv": {"num_envs": 1}},
}
"""Numbers that arguments have by default, by module and callable."""
CONSTANTS: dict[str, dict[str, Any]] = {
    "planners/costs.py": {"_SWEEP_FRACTIONS": (1 / 3, 2 / 3, 1.0)},
    "planners/derivatives.py": {"_CPU_ROWS": 2048},
    "planners/ilqr.py": {
        "_STEP_FRACTIONS": ((0.5, 0.25), (0.1, 0.03, 0.01)),
        "_GOOD_STEP": 0.1,
        "_DAMPING": (0.001, 10000.0),
        "_NEARLY_UNDAMPED": 0.01,
    },
    "representation/metrics/dci.py": {"LEAST_GAIN": 1e-05, "LEAST_GAINS": (0.01, 0.001, 0.0001, 1e-05)},
    "representation/metrics/videos.py": {"LIT": 0.25},
    "representation/metrics/identities.py": {"NEARER": 0.5},
    "representation/metrics/modes.py": {"BANDWIDTH": 0.25, "SMALLEST_SHARE": 0.05},
    "models/image/f_statistic.py": {"EPSILON": 1e-06},
    "models/image/factor.py": {"WARM_UP_GAMMA": 40.0},
    "models/image/factor_generator.py": {"POINTS": 100, "UNIFORM_SHARE": 0.1, "SHARING_RATE": 0.01},
    "models/image/penalised_autoencoder.py": {"SHAPE": (32, 32, 3)},
    "models/image/vae.py": {"WARM_UP_PIXEL_WEIGHT": 0.25},
    "models/image/warm_up.py": {
        "WARM_UP_PIXEL_WEIGHT": 0.25,
        "FROZEN_UPDATES": 300,
        "COLLAPSED_KL": 0.1,
        "REINITIALISED_STD": 0.7,
        "REINITIALISED_LOG_VARIANCE": -1.0,
    },
    "models/image/sdgan.py": {"R1_EVERY": 8},
    "models/image/ada_gvae.py": {"MEMORY": 100},
    "models/video/game.py": {"PENALISE_EVERY": 8},
    "models/video/independent_predictor.py": {"FIRST_WEIGHT": 0.01, "LARGEST_GRADIENT": 100.0},
    "models/video/networks.py": {"CELLS": 4, "GREATEST_FACTOR": 4, "BLACK": -2.0},
    "representation/grasp_net.py": {
        "CELLS": 32,
        "BOTTLENECK": (48, 4, 4),
        "EMPTY": -8.0,
        "RAYS": 384,
        "SAMPLES": 48,
        "AROUND": 1.3,
        "THROUGH": 1.5,
        "LOCAL": (8, 16),
        "DEPTHS": 16,
        "BEHIND": 0.12,
        "SPREAD": (0.06, 0.03),
        "NEAR": 0.06,
        "FAR": 0.16,
        "POSE": 19,
    },
    "representation/latent_moves.py": {"PATCH": 8, "THINGS": 8, "PLACES_READ": 4},
    "representation/locally_linear.py": {"OBSTACLE_DETAIL": 3.0, "LOG_VARIANCE": (-12.0, 2.0)},
    "representation/multistep_selectivity.py": {
        "LAYOUT_SHARE": 0.15,
        "INITIAL_KERNEL_FACTOR": 2.5,
        "DECODER_NOISE": 0.3,
    },
    "representation/obstacles.py": {"BATCH_POINTS": 1024, "WAVES": 48},
    "representation/projection.py": {"RAISED": 0.004, "MARGIN": 1.15, "SMALLEST": 0.01},
    "representation/rce.py": {"RECENT_STATES": 1024, "PICTURE_RADIUS": 3.0},
    "representation/selectivity.py": {
        "SETTLING": (0.25, 0.6),
        "DECODED_IMAGES": 32,
        "LEAST_SIMILARITY": 0.001,
    },
    "envs/maze.py": {"GOAL": 2, "KIND": 4, "PIXELS": 64, "MOST_SHADES": 7, "UPSCALE": 8},
    "envs/maze_frames.py": {
        "FREE": 0,
        "SWITCH": 3,
        "PIXELS": 64,
        "SUPERSAMPLES": 8,
        "AGENT": 1,
        "GOAL": 2,
        "KIND": 4,
        "RED": (230, 40, 40),
        "WHITE": (255, 255, 255),
        "ORANGE": (255, 140, 0),
        "BLUE": (40, 90, 230),
        "BLACK": (0, 0, 0),
        "DARKEST": 90,
        "BRIGHTEST": 250,
    },
    "envs/maze_layouts.py": {"BLOCK": 1, "LEAST_CONNECTED_SHARE": 0.5, "TRIES": 1000},
    "envs/maze_world.py": {"FREE": 0, "BLOCK": 1, "WATER": 2, "SWITCH": 3},
    "envs/mnist_grid.py": {
        "LEAST_CELL_PIXELS": 6,
        "MOST_PIXELS": 256,
        "MARGIN": 2,
        "UPSCALE": 8,
        "CHUNK": 4096,
    },
    "envs/planar.py": {
        "MAX_ACTION": 3.0,
        "NEAR": 2.0,
        "STAY": 5,
        "CORNER": 5.0,
        "JITTER": 2.0,
        "TRIES": 1000,
        "UPSCALE": 10,
    },
    "envs/planar_frames.py": {
        "SUPERSAMPLES": 16,
        "_SQUARE": ((-1.0, -1.0, 1.0, 1.0),),
        "_THIRD": 0.3333333333333333,
    },
    "envs/planar_world.py": {"AGENT_BRIGHTNESS": 255, "GRID_STEP": 0.25},
    "envs/vector.py": {"MOST_COPIES": 1000000},
}
"""Numbers that modules give names."""


def load(module: str) -> Any:
    return importlib.import_module(f"unknot.{module.removesuffix('.py').replace('/', '.')}")


@pytest.mark.parametrize("module", sorted({*DEFAULTS, *CONSTANTS}))
def test_numbers_are_as_written_down(module: str) -> None:
    for name, expected in DEFAULTS.get(module, {}).items():
        parameters = inspect.signature(reduce(getattr, name.split("."), load(module))).parameters
        assert {argument: parameters[argument].default for argument in expected} == expected
    constants = CONSTANTS.get(module, {})
    assert {name: getattr(load(module), name) for name in constants} == constants
