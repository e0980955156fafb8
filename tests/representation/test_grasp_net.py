"""The grasping net on balls that stand on a table: geometry from depth and mask, outcomes, scoring."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from unknot.representation import train
from unknot.representation.grasp_net import CELLS, Features, GraspNet, local_hits
from unknot.representation.projection import Rays, image_places, look, pixel_rays, rotation_matrices

PIXELS = 64
FAR = 2.0
PROJECTION = torch.tensor(
    [
        [3.0, 0, 0, 0],
        [0, 3.0, 0, 0],
        [0, 0, -(FAR + 0.1) / (FAR - 0.1), -2 * FAR * 0.1 / (FAR - 0.1)],
        [0, 0, -1, 0],
    ]
)
ELEVATIONS = (20.0, 50.0)
Data = dict[str, Tensor]


def camera(elevation: float, azimuth: float) -> Tensor:
    """Return the view matrix (4, 4) of a camera 0.6 m from (0, 0, 0.05), degrees."""
    up, around = math.radians(elevation), math.radians(azimuth)
    backward = torch.tensor([math.cos(up) * math.cos(around), math.cos(up) * math.sin(around), math.sin(up)])
    right = torch.tensor([-math.sin(around), math.cos(around), 0.0])
    view = torch.eye(4)
    view[:3, :3] = torch.stack([right, torch.linalg.cross(backward, right), backward])
    view[:3, 3] = -view[:3, :3] @ (torch.tensor([0.0, 0.0, 0.05]) + 0.6 * backward)
    return view


def see(centre: Tensor, radius: float, view: Tensor) -> Data:
    """Return what a camera sees of a ball on a table."""
    rays = pixel_rays(view[None], PROJECTION[None], image_places(PIXELS, PIXELS).view(1, -1, 2))
    floor = -rays.origin[..., 2] / rays.direction[..., 2]
    floor = torch.where((floor > 0) & (floor < FAR), floor, FAR)
    ball = meet(rays, centre, radius)
    mask = ball.isfinite()
    image = torch.where(mask[..., None], torch.tensor([200, 90, 60]), 220).to(torch.uint8)
    square = (PIXELS, PIXELS)
    depth = torch.where(mask, ball, floor).view(square)
    return {"image": image.view(*square, 3), "depth": depth, "mask": mask.view(square), "view": view}


def meet(rays: Rays, centre: Tensor, radius: float) -> Tensor:
    """Return the depth (1, m) at which rays meet a ball, infinity where they don't."""
    offset = rays.origin - centre
    a, b = rays.direction.square().sum(-1), (rays.direction * offset).sum(-1)
    root: Tensor = (b * b - a * (offset.square().sum(-1) - radius**2)).sqrt()
    return ((-b - root) / a).nan_to_num(torch.inf)


class Balls:
    """Placements of a ball, seen by two cameras each; grasps that hold if they are near its middle."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.radii = 0.03 + 0.03 * self.uniform(count)
        self.centres = torch.cat([0.06 * self.uniform(count, 2) - 0.03, self.radii[:, None]], 1)
        azimuths = 360 * self.uniform(count, 2)
        views = [
            [see(centre, float(radius), camera(ELEVATIONS[v], float(row[v]))) for v in range(2)]
            for centre, radius, row in zip(self.centres, self.radii, azimuths, strict=True)
        ]
        self.seen = {
            name: torch.stack([torch.stack([view[name] for view in pair]) for pair in views])
            for name in ("image", "depth", "mask", "view")
        }
        offsets = 0.1 * self.uniform(count, 8, 3) - 0.05
        turns = 4 * self.uniform(count, 8, 3) - 2
        self.poses = torch.cat([self.centres[:, None] + offsets, turns], -1)
        self.success = torch.linalg.vector_norm(offsets, dim=-1) < 0.045

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator)

    def observation(self, rows: Any = slice(None), view: int = 0) -> Data:
        """Return observations of placements, all by the same of their cameras."""
        seen = {name: self.seen[name][rows, view] for name in ("image", "depth", "view")}
        return {**seen, "projection": PROJECTION.expand(len(seen["view"]), 4, 4)}

    def batch_at(self, step: int) -> Data:
        """Return eight placements, and all that either stage asks of them."""
        rows = (8 * step + torch.arange(8)) % len(self.centres)
        targets = {f"target_{name}": self.seen[name][rows] for name in ("depth", "mask", "view")}
        outcome = {"pose": self.poses[rows], "success": self.success[rows]}
        return {**self.observation(rows, step // 2 % 2), **targets, **outcome}


BALLS = Balls(24)


def small(**settings: Any) -> GraspNet:
    torch.manual_seed(0)
    return GraspNet(width=8, hidden=32, **{"shape_steps": 2, "outcome_steps": 2, **settings})


def overlap(net: GraspNet, balls: Balls) -> float:
    """Return the mean intersection over union of imagined and true balls."""
    axis = (torch.arange(20) + 0.5) / 20 - 0.5
    grid = 0.16 * torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
    points = balls.centres[:, None] + grid
    true = torch.linalg.vector_norm(grid, dim=-1) < balls.radii[:, None]
    with torch.no_grad():
        sight = look(balls.observation(), 2 * CELLS)
        imagined = sight.frustum.sample(net.imagine(sight)[0], points, -8.0) > 0
    return float(((imagined & true).sum(1) / (imagined | true).sum(1)).mean())


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(x, other.state_dict()[name]) for name, x in one.state_dict().items())


def test_it_imagines_unseen_balls_after_training_on_depth_and_mask() -> None:
    net = small(shape_steps=75, learning_rate=4e-3)
    new = Balls(8, seed=1)
    before = overlap(net, new)
    train(net, BALLS.batch_at, 75, progress=False)
    assert before < 0.4
    assert overlap(net, new) > 0.6


@pytest.mark.parametrize(("geometry", "accuracy"), [(True, 0.95), (False, 0.8)])
def test_it_learns_which_grasps_hold(geometry: bool, accuracy: float) -> None:
    balls = Balls(8)
    net = small(geometry=geometry, shape_steps=0, outcome_steps=100, learning_rate=4e-3)
    train(net, balls.batch_at, 100, progress=False)
    with torch.no_grad():
        held = net.score(net.observe(balls.observation()), balls.poses) > 0
    assert (held == balls.success).float().mean() > accuracy


@pytest.mark.parametrize("geometry", [True, False])
def test_many_poses_are_scored_like_each_alone(geometry: bool) -> None:
    net = small(geometry=geometry)
    with torch.no_grad():
        together = net.score(net.observe(BALLS.observation(slice(0, 3))), BALLS.poses[:3])
        alone = [
            net.score(net.observe(BALLS.observation([row])), BALLS.poses[row, column][None, None])
            for row in range(3)
            for column in range(8)
        ]
    torch.testing.assert_close(together.flatten(), torch.cat(alone).flatten(), rtol=1e-4, atol=1e-5)
    assert together.std() > 0


def test_a_world_turned_about_z_scores_the_same() -> None:
    net = small()
    turn = rotation_matrices(torch.tensor([0.0, 0.0, 1.0]))
    observation = BALLS.observation(slice(0, 2))
    poses = BALLS.poses[:2].clone()
    poses[..., 3:] = torch.tensor([0.3, 0.0, 0.0])
    turned_view = observation["view"].clone()
    turned_view[:, :3, :3] = observation["view"][:, :3, :3] @ turn.T
    about = turn @ rotation_matrices(torch.tensor([0.3, 0.0, 0.0]))
    angle = torch.arccos((about.trace() - 1) / 2)
    axis = torch.stack([about[2, 1] - about[1, 2], about[0, 2] - about[2, 0], about[1, 0] - about[0, 1]])
    turned = torch.cat([poses[..., :3] @ turn.T, (angle * axis / (2 * angle.sin())).expand(2, 8, 3)], -1)
    with torch.no_grad():
        here = net.score(net.observe(observation), poses)
        there = net.score(net.observe({**observation, "view": turned_view}), turned)
    torch.testing.assert_close(here, there, rtol=1e-3, atol=1e-4)


def test_a_gripper_sees_the_ball_and_the_table() -> None:
    observation = BALLS.observation([0])
    sight = look(observation, 2 * CELLS)
    centre, radius = BALLS.centres[0], BALLS.radii[0]
    axis = (torch.arange(CELLS) + 0.5) * 2 / CELLS - 1
    places = sight.frustum.centre[:, :2] + sight.frustum.half[:, :2] * image_places(CELLS, CELLS)
    depth = sight.frustum.centre[0, 2] + sight.frustum.half[0, 2] * axis
    points = pixel_rays(sight.view, sight.projection, places.view(1, -1, 2)).points(depth[None, None])
    inside = torch.linalg.vector_norm(points - centre, dim=-1) < radius
    occupancy = inside.float().view(1, CELLS, CELLS, CELLS).permute(0, 3, 1, 2)
    features = Features(sight, torch.zeros(1, 1), occupancy)
    above = torch.tensor([*centre[:2], 2 * radius, 0.0, 0.0, 0.0])
    beside = torch.tensor([*(centre[:2] + 0.15), 0.0, 0.0, 0.0, 0.0])
    _, hits = local_hits(features, torch.stack([above, beside])[None])
    rows, columns = hits.mask[0].view(8, 16)[3:5, 7:9], hits.mask[0].view(8, 16)[:, 0]
    assert rows.min() > 0.95  # the ball, straight ahead
    assert columns.max() < 0.5  # nothing at the side
    seen = hits.expected_depth(0.16).view(2, 8, 16)
    assert abs(float(seen[0, 3:5, 7:9].mean()) - 0.12) < 0.008
    torch.testing.assert_close(seen[1], torch.full((8, 16), 0.12), atol=0.01, rtol=0)  # the table


def test_the_object_fills_the_window() -> None:
    sight = look(BALLS.observation(), 2 * CELLS)
    shown = sight.image[:, 3] > 0.5
    rows, columns = shown.any(2).float().mean(1), shown.any(1).float().mean(1)
    assert torch.maximum(rows, columns).min() > 0.6
    assert torch.maximum(rows, columns).max() < 1
    truth = torch.linalg.vector_norm(sight.points - BALLS.centres[:, None], dim=-1)
    on_it = (truth - BALLS.radii[:, None]).abs()[shown.flatten(1)]
    assert on_it.max() < 1e-3
    assert (sight.half > BALLS.radii).all()


def test_an_empty_scene_is_scored_too() -> None:
    observation = BALLS.observation([0])
    observation["depth"] = torch.full_like(observation["depth"], FAR)
    net = small()
    assert net.score(net.observe(observation), BALLS.poses[:1]).isfinite().all()


def test_each_stage_trains_its_own_part() -> None:
    net, fresh = small(), small()
    geometry = {name for name in net.state_dict() if name.startswith(("shape.", "decoder."))}
    train(net, BALLS.batch_at, 2, progress=False)
    changed = [n for n, x in net.state_dict().items() if not torch.equal(x, fresh.state_dict()[n])]
    assert set(changed) <= geometry | {"done"}
    assert len(changed) > 10
    trained = {name: net.state_dict()[name].clone() for name in geometry}
    scalars = train(net, lambda step: BALLS.batch_at(step), 4, progress=False)
    assert scalars.keys() == {"cross_entropy", "accuracy"}
    assert all(torch.equal(net.state_dict()[name], x) for name, x in trained.items())


def test_codes_are_the_bottleneck_and_its_place() -> None:
    net = small().eval()
    codes = net.encode(BALLS.observation())
    assert codes.shape == (24, 768 + 4)
    sight = look(BALLS.observation(), 64)
    torch.testing.assert_close(codes[:, -4:-1], sight.frustum.centre)
    torch.testing.assert_close(codes[:, -1], sight.half)


def test_other_inputs_than_observations_are_refused() -> None:
    net, good = small(), BALLS.observation([0])
    with pytest.raises(ValueError, match=r"observation must be a mapping with the keys image, .* not Tensor"):
        net.encode(good["image"])
    with pytest.raises(ValueError, match=r"projection, not \['depth', 'image', 'view'\]"):
        net.observe({name: good[name] for name in ("image", "depth", "view")})
    with pytest.raises(ValueError, match=r"depth has the shape \(1, 32, 64\), expected \(1, 64, 64\)"):
        net.observe({**good, "depth": good["depth"][:, :32]})
    with pytest.raises(ValueError, match=r"poses has the shape \(1, 6\), expected \(1, n, 6\)"):
        net.score(net.observe(good), torch.zeros(1, 6))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width": 0}, "width must be at least 1, not 0"),
        ({"hidden": 0}, "hidden must be at least 1, not 0"),
        ({"shape_steps": -1}, "shape_steps must be at least 0, not -1"),
        ({"outcome_steps": -1}, "outcome_steps must be at least 0, not -1"),
        ({"learning_rate": math.nan}, "learning_rate must be a finite number, not nan"),
    ],
)
def test_arguments_out_of_range_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        GraspNet(**settings)
