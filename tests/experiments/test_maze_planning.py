"""Planning in mazes: its baselines and its tables."""

from pathlib import Path
from typing import Any

import torch

from unknot.experiments.controllable_factors import planning
from unknot.experiments.controllable_factors.planning import Settings
from unknot.representation import WEIGHTS, load_learner
from unknot.representation.autoencoder import Autoencoder
from unknot.representation.scene_selectivity import SceneSelectivity


def test_baselines_share_the_network_and_only_their_training_differs(tmp_path: Path) -> None:
    few = Settings(steps=2, moves=1, walks=1, problems=1)
    learners = {}
    for baseline in ("", "autoencoder", "random"):
        planning._train(few, "reach", baseline, tmp_path / f"reach-{baseline}", 0, False)
        learners[baseline] = load_learner(tmp_path / f"reach-{baseline}" / "learner" / WEIGHTS)
    ours, autoencoder, random = learners.values()
    assert isinstance(ours, SceneSelectivity)
    assert isinstance(autoencoder, Autoencoder)
    assert isinstance(random, SceneSelectivity)
    shapes = [{k: v.shape for k, v in x.encoder.state_dict().items()} for x in (ours, autoencoder, random)]
    assert shapes[0] == shapes[1] == shapes[2]
    torch.manual_seed(0)
    start = SceneSelectivity(actions=4, latent_dim=2)
    torch.testing.assert_close(random.encoder.state_dict(), start.encoder.state_dict())
    assert int(ours.updates) == 2
    assert int(random.updates) == 0


def test_a_baseline_has_a_row_where_it_was_measured() -> None:
    def solved(rate: float) -> dict[str, Any]:
        return {"rate": rate, "count": 100, "length": 1.0 if rate else None}

    def seed(rate: float) -> dict[str, Any]:
        found = {}
        for task in planning.TASKS:
            prediction = {"right": 1.0, "sums": 0.25}
            found[task] = {"search": solved(rate), "greedy": solved(0.4), "prediction": prediction}
            found[f"{task}-bounds"] = {"floor": solved(0.5), "ceiling": solved(1.0)}
        return found

    both = [{**seed(0.96), "reach-autoencoder": {"search": solved(0.0)}}, seed(0.94)]
    reach, switch, _ = planning.tabulate(both)
    rows = {row[0]: row[1:] for row in reach.rows}
    assert rows["Search with what was learnt"] == ("95.0 ± 1.4 [88.6, 97.9]", "94.0", "1.00 ± 0.00", "1 of 2")
    assert rows["Search, encoder of an autoencoder"] == ("0.0 [0.0, 3.7]", "0.0", "none", "0 of 1")
    assert "Search, encoder untrained" not in rows
    assert {row[0]: row[4] for row in switch.rows}["Search with what was learnt"] == "2 of 2"
