"""The modules that `torture.mutants` changes and the tests that are to notice; what no test can notice."""

import re

from tests.test_defaults import CONSTANTS, DEFAULTS

_PLANNERS = "tests/planners/test_"
_METRICS = "tests/representation/metrics/test_"
_LEARNERS = "tests/representation/test_"
_MODELS = "tests/models/test_"
_WORLDS = "tests/envs/test_"


def _codes(names: str) -> tuple[str, ...]:
    """Return the tests of metrics of codes, and which of them concern the metrics so named."""
    return f"{_METRICS}hand_worked_codes.py", f"{_METRICS}metrics_of_arrays.py", "-k", f"arrays or {names}"


_OWN: dict[str, tuple[str, ...]] = {
    "planners/cem.py": (f"{_PLANNERS}cem.py", f"{_PLANNERS}planner_conformance.py"),
    "planners/costs.py": (f"{_PLANNERS}costs.py",),
    "planners/derivatives.py": (f"{_PLANNERS}costs.py", f"{_PLANNERS}ilqr.py"),
    "planners/ilqr.py": (f"{_PLANNERS}ilqr.py", f"{_PLANNERS}planner_conformance.py"),
    "planners/mpc.py": (f"{_PLANNERS}receding_horizon.py",),
    "planners/pose_search.py": (f"{_PLANNERS}pose_search.py",),
    "planners/riccati.py": (f"{_PLANNERS}ilqr.py",),
    "planners/roadmap.py": (f"{_PLANNERS}roadmap.py",),
    "planners/search.py": (f"{_PLANNERS}search.py",),
    "representation/metrics/attribute_auc.py": _codes("attribute_auc or areas"),
    "representation/metrics/covariance.py": _codes("mapc or cvr or tdv or ud90 or unsupervised"),
    "representation/metrics/dci.py": _codes("dci"),
    "representation/metrics/factor_vae.py": _codes("factor_vae or more_dimensions"),
    "representation/metrics/higgins.py": _codes("higgins"),
    "representation/metrics/information.py": _codes("mig or modularity"),
    "representation/metrics/linear.py": (f"{_METRICS}linear.py",),
    "representation/metrics/mig.py": _codes("mig"),
    "representation/metrics/modes.py": (f"{_METRICS}modes.py",),
    "representation/metrics/modularity.py": _codes("modularity"),
    "representation/metrics/recall.py": (f"{_METRICS}recall.py",),
    "representation/metrics/sap.py": _codes("sap"),
    "representation/metrics/unsupervised.py": _codes("unsupervised"),
    "models/penalties.py": (f"{_MODELS}penalties.py",),
    "models/adversarial.py": (f"{_MODELS}adversarial.py", f"{_MODELS}variational_methods.py"),
    "models/stacked.py": (f"{_MODELS}stacked.py",),
    "models/image/capacity.py": (f"{_MODELS}variational_methods.py",),
    "models/image/dip.py": (f"{_MODELS}variational_methods.py",),
    "models/image/embedding.py": (f"{_MODELS}embedding.py",),
    "models/image/embedding_losses.py": (f"{_MODELS}embedding.py", f"{_MODELS}f_statistic.py"),
    "models/image/f_statistic.py": (f"{_MODELS}f_statistic.py",),
    "models/image/factor.py": (f"{_MODELS}variational_methods.py",),
    "models/image/factor_generator.py": (f"{_MODELS}factor_generator.py",),
    "models/image/infogan.py": (f"{_MODELS}infogan.py",),
    "models/image/penalised_autoencoder.py": (f"{_MODELS}stacked.py",),
    "models/image/tc.py": (f"{_MODELS}variational_methods.py",),
    "models/image/vae.py": (f"{_MODELS}variational.py", f"{_MODELS}variational_methods.py"),
    "models/image/warm_up.py": (f"{_MODELS}variational.py", f"{_MODELS}variational_methods.py"),
    "representation/autoencoder.py": (f"{_MODELS}penalties.py", f"{_LEARNERS}learner_conformance.py"),
    "representation/cameras.py": (f"{_LEARNERS}cameras.py",),
    "representation/discrete_selectivity.py": (f"{_LEARNERS}discrete_selectivity.py",),
    "representation/gaussian.py": (f"{_LEARNERS}locally_linear.py", f"{_LEARNERS}locally_linear_bounds.py"),
    "representation/grasp_net.py": (f"{_LEARNERS}grasp_net.py",),
    "representation/interaction.py": (f"{_LEARNERS}interaction.py",),
    "representation/latent_moves.py": (f"{_LEARNERS}latent_moves.py",),
    "representation/locally_linear.py": (
        f"{_LEARNERS}locally_linear.py",
        f"{_LEARNERS}locally_linear_bounds.py",
    ),
    "representation/multistep_selectivity.py": (f"{_LEARNERS}multistep_selectivity.py",),
    "representation/obstacles.py": (f"{_LEARNERS}planar_latents.py",),
    "representation/projection.py": (f"{_LEARNERS}projection.py",),
    "representation/rce.py": (f"{_LEARNERS}locally_linear.py", f"{_LEARNERS}locally_linear_bounds.py"),
    "representation/e2c.py": (f"{_LEARNERS}locally_linear.py", f"{_LEARNERS}locally_linear_bounds.py"),
    "representation/scene_selectivity.py": (f"{_LEARNERS}scene_selectivity.py",),
    "representation/selectivity.py": (f"{_LEARNERS}selectivity.py",),
    "envs/maze.py": (f"{_WORLDS}maze.py", f"{_WORLDS}goal_conditioned.py"),
    "envs/maze_frames.py": (f"{_WORLDS}maze_frames.py",),
    "envs/maze_layouts.py": (f"{_WORLDS}maze.py",),
    "envs/maze_world.py": (f"{_WORLDS}maze.py",),
    "envs/mnist_grid.py": (f"{_WORLDS}mnist_grid.py", f"{_WORLDS}goal_conditioned.py"),
    "envs/planar.py": (f"{_WORLDS}planar.py", f"{_WORLDS}planar_world.py"),
    "envs/planar_collisions.py": (f"{_WORLDS}planar_world.py",),
    "envs/planar_frames.py": (f"{_WORLDS}planar_world.py", f"{_WORLDS}planar.py"),
    "envs/planar_world.py": (f"{_WORLDS}planar_world.py", f"{_WORLDS}planar.py"),
    "envs/vector.py": (f"{_WORLDS}conformance_vector.py", f"{_WORLDS}maze.py"),
}


def _tests(module: str, own: tuple[str, ...]) -> tuple[str, ...]:
    """Return a module's own tests, and those of all modules' numbers and of all learners' arguments."""
    numbers = f"tests/test_defaults.py::test_numbers_are_as_written_down[{module}]"
    arguments = f"{_LEARNERS}learner_arguments.py"
    shared = (numbers,) if module in DEFAULTS or module in CONSTANTS else ()
    return (*shared, *own, *((arguments,) if module.startswith(("models/", "representation/")) else ()))


TESTS = {module: _tests(module, own) for module, own in _OWN.items()}

KNOWN: tuple[tuple[str, str, str], ...] = (
    ("", r"frozen=True.* -> .*frozen=False", "nothing assigns to it"),
    ("", r"strict=True.* -> .*strict=False", "the lengths that zip compares are equal by construction"),
    ("", r"reshape\(.*-1\).* -> .*reshape\(.*(~1|- 2)\)", "NumPy infers an axis from any negative size"),
    (
        "planners/derivatives.py",
        r'type < "cpu"',
        "it decides only how many rows are differentiated at a time",
    ),
    ("planners/search.py", r"_at_goal\(cost, states\)\[:, -1\]", "there is one state then"),
    ("representation/metrics/higgins.py", r"max_iter= 1001", "the classifier converges before"),
    ("representation/metrics/modes.py", r"range\( 49\)", "the points have arrived before"),
    ("representation/gaussian.py", r"-> .*sum\(\+1\)", "there are two axes"),
    ("representation/rce.py", r"u\], 1\)", "there are two axes"),
    ("representation/multistep_selectivity.py", r"generate\(start, 2\)", "the first factor is used"),
    ("envs/maze.py", r"\)\[ -1\]", "there is one image"),
    ("envs/mnist_grid.py", r'task <= "none"', "the other names come later in the alphabet"),
    ("envs/planar.py", r"199\.0", "a shade in pictures for people"),
)
"""Changes that leave what a user sees as it was: module ("" for any), regular expression, reason."""


def reason(module: str, change: str) -> str:
    """Return why nobody can notice a change, "BEFORE -> AFTER"; "" if somebody could."""
    reasons = (why for where, pattern, why in KNOWN if where in ("", module) and re.search(pattern, change))
    return next(reasons, "")
