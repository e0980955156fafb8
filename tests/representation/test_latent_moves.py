"""Learnt moves: the weights of their losses, predictions with hand-set parts, and that they learn."""

from typing import cast

import numpy as np
import pytest
import torch
from torch import nn

from unknot.representation.latent_moves import LatentMoves, balanced

MOVES = [[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]


def small(**settings: object) -> LatentMoves:
    torch.manual_seed(0)
    return LatentMoves(MOVES, [0, 1, 1], centre=[0.0, 0.0], shape=(16, 16, 3), **settings)  # type: ignore[arg-type]


def test_outcomes_have_equal_weight_however_rare() -> None:
    tried = torch.tensor([[True]] * 10 + [[False]] * 5)
    happened = torch.tensor([[True]] + [[False]] * 14)
    something = torch.tensor([[True]] * 3 + [[False]] * 12)
    weights = balanced(tried, happened, something)[:, 0]
    assert weights.sum() == pytest.approx(1)
    assert weights[0].item() == pytest.approx(1 / 3)
    assert weights[1:3].sum().item() == pytest.approx(1 / 3)
    assert weights[3:10].sum().item() == pytest.approx(1 / 3)
    assert not weights[10:].any()


def test_a_change_is_assigned_to_the_nearest_move() -> None:
    changes = torch.tensor([[0.9, 0.1], [0.1, -0.8], [0.1, 0.2], [0.0, 0.0]])
    assert small().nearest(changes).tolist() == [0, 2, -1, -1]


def test_a_step_without_a_possible_move_stays() -> None:
    moves = small()
    with torch.no_grad():
        for parameter in (*moves.ends.parameters(), *moves.chances.parameters()):
            parameter.zero_()
        cast(nn.Linear, moves.chances[-1]).bias.copy_(torch.tensor([5.0, -5.0, 5.0]))
    maps = moves.maps_of(np.zeros((4, 16, 16, 3), np.uint8))
    z = torch.cat([torch.ones(4, 2), maps], 1)
    u = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.0, 0.0]])
    assert moves.step(z, u)[:, :2].tolist() == [[2, 1], [1, 1], [1, 0], [1, 1]]
    path = moves.imagine(maps[:1], torch.ones(1, 2), torch.tensor([[0, 1, 7]]))
    assert path[0].tolist() == [[1, 1], [2, 1], [2, 0], [2, 0]]


def test_an_update_lowers_its_losses() -> None:
    moves = small(steps=60)
    generator = torch.Generator().manual_seed(1)
    action = torch.randint(2, (8, 6), generator=generator)
    moved = torch.stack([1.0 * (action == 0), torch.zeros(8, 6)], 2)  # the first action always does
    codes = torch.cat([torch.zeros(8, 1, 2), moved.cumsum(1)], 1)
    images = torch.randint(256, (8, 7, 16, 16, 3), generator=generator, dtype=torch.uint8)
    batch = {"images": images, "codes": codes, "action": action}
    first = moves.update(batch)
    last = [moves.update(batch) for _ in range(59)][-1]
    assert float(last["loss/chance"]) < 0.5 * float(first["loss/chance"])


@pytest.mark.parametrize(
    ("moves", "actions", "centre", "shape"),
    [
        ([], [], [0.0], (16, 16, 3)),
        (MOVES, [0, 1], [0.0, 0.0], (16, 16, 3)),
        (MOVES, [0, 1, 1], [0.0], (16, 16, 3)),
        (MOVES, [0, 1, 1], [0.0, 0.0], (15, 16, 3)),
    ],
)
def test_wrong_arguments_are_refused(
    moves: list[list[float]], actions: list[int], centre: list[float], shape: tuple[int, int, int]
) -> None:
    with pytest.raises(ValueError, match="must"):
        LatentMoves(moves, actions, centre=centre, shape=shape)
