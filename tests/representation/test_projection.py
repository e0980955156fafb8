"""Projection of voxel grids: analytic spheres and boxes, finite differences, a gripper as a camera."""

import math
from collections.abc import Callable

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from unknot.representation.projection import (
    Frustum,
    Rays,
    cast,
    gripper_rays,
    image_places,
    log_likelihood,
    look,
    pick,
    pixel_rays,
    rotation_matrices,
)

FOCAL = 2.5
PROJECTION = torch.tensor(
    [[FOCAL, 0, 0, 0], [0, FOCAL, 0, 0], [0, 0, -1.1, -0.21], [0, 0, -1, 0]], dtype=torch.float64
)[None]
RADIUS = 0.07
EDGES = torch.tensor([0.05, 0.04, 0.045], dtype=torch.float64)
"""Half the edges of a box."""


def camera(elevation: float, azimuth: float, distance: float = 0.5) -> Tensor:
    """Return the view matrix (1, 4, 4) of a camera that looks at the origin."""
    up, around = math.radians(elevation), math.radians(azimuth)
    backward = torch.tensor(
        [math.cos(up) * math.cos(around), math.cos(up) * math.sin(around), math.sin(up)],
        dtype=torch.float64,
    )
    right = torch.tensor([-math.sin(around), math.cos(around), 0.0], dtype=torch.float64)
    view = torch.eye(4, dtype=torch.float64)
    view[:3, :3] = torch.stack([right, torch.linalg.cross(backward, right), backward])
    view[2, 3] = -distance
    return view[None]


def around_origin(view: Tensor, half: float = 0.08, distance: float = 0.5) -> Frustum:
    across = half * FOCAL / distance
    middle = torch.tensor([[0.0, 0.0, distance]], dtype=torch.float64)
    return Frustum(PROJECTION @ view, middle, middle.new_tensor([[across, across, half]]))


def cells(frustum: Frustum, view: Tensor, count: int) -> Tensor:
    """Return the world points (1, count, count, count, 3) of the middles of a grid's cells."""
    places = (frustum.centre[:, :2] + frustum.half[:, :2] * image_places(count, count)).view(1, -1, 2)
    steps = (torch.arange(count) + 0.5) * 2 / count - 1
    depth = (frustum.centre[:, 2:] + frustum.half[:, 2:] * steps)[:, None]
    points = pixel_rays(view, PROJECTION, places).points(depth)
    return points.view(1, count, count, count, 3).permute(0, 3, 1, 2, 4)


def in_ball(points: Tensor) -> Tensor:
    inside: Tensor = torch.linalg.vector_norm(points, dim=-1) < RADIUS
    return inside


def in_box(points: Tensor) -> Tensor:
    return (points.abs() < EDGES).all(-1)


def ball_depth(rays: Rays) -> Tensor:
    """Return the depth (1, m) at which rays meet the ball, infinity where they don't."""
    a = rays.direction.square().sum(-1)
    b = (rays.direction * rays.origin).sum(-1)
    c = rays.origin.square().sum(-1) - RADIUS**2
    meets: Tensor = (-b - (b * b - a * c).sqrt()) / a
    return meets.nan_to_num(torch.inf)


def box_depth(rays: Rays) -> Tensor:
    one, other = ((side * EDGES - rays.origin) / rays.direction for side in (-1, 1))
    enter, leave = torch.minimum(one, other).amax(-1), torch.maximum(one, other).amin(-1)
    return torch.where(enter < leave, enter, torch.inf)


@pytest.mark.parametrize(("inside", "depth_of"), [(in_ball, ball_depth), (in_box, box_depth)])
@pytest.mark.parametrize("other", [(15.0, 40.0), (60.0, 200.0)])
def test_the_projection_of_a_grid_is_that_of_its_solid(
    inside: Callable[[Tensor], Tensor], depth_of: Callable[[Rays], Tensor], other: tuple[float, float]
) -> None:
    from_, to = camera(30, 10), camera(*other)
    frustum = around_origin(from_)
    grid = inside(cells(frustum, from_, 48)).double()
    rays = pixel_rays(to, PROJECTION, 0.6 * image_places(40, 40).double().view(1, -1, 2))
    depth = torch.linspace(0.4, 0.6, 61, dtype=torch.float64).view(1, 1, -1)
    hits = cast(frustum.sample(grid, rays.points(depth)), depth)
    truth = depth_of(rays)
    seen, true = hits.mask > 0.5, truth.isfinite()
    assert (seen & true).sum() / (seen | true).sum() > 0.95
    error = (hits.expected_depth(0.7) - truth)[seen & true].abs()
    assert error.mean() < 0.004  # a cell is 0.0033 m
    missed = hits.expected_depth(0.7)[hits.mask == 0]
    torch.testing.assert_close(missed, torch.full_like(missed, 0.7))


def test_probabilities_worked_by_hand() -> None:
    depth = torch.tensor([[[1.0, 2.0, 3.0]]])
    hits = cast(torch.tensor([[[0.5, 0.5, 1.0], [0.0, 0.25, 0.0]]]), depth)
    torch.testing.assert_close(hits.probability, torch.tensor([[[0.5, 0.25, 0.25], [0.0, 0.25, 0.0]]]))
    torch.testing.assert_close(hits.mask, torch.tensor([[1.0, 0.25]]))
    torch.testing.assert_close(hits.expected_depth(6.0), torch.tensor([[1.75, 5.0]]))


def test_the_likelihood_is_that_of_the_projection() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 4, generator=generator).double()
    depth = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]], dtype=torch.float64)
    hits = cast(torch.sigmoid(logits), depth)
    seen = torch.tensor([0.5, 1.0, 1.5, 3.9, 7.0], dtype=torch.float64).expand(2, 5)
    ended = log_likelihood(logits, depth, seen, torch.full((2, 5), True))
    expected = hits.probability[:, torch.arange(4), torch.tensor([0, 0, 1, 3])].log()
    torch.testing.assert_close(ended[:, :4], expected)
    torch.testing.assert_close(ended[:, 4], (1 - hits.mask[:, 4]).log())  # deeper than all samples
    passed = log_likelihood(logits, depth, seen, torch.full((2, 5), False))
    torch.testing.assert_close(passed, (1 - hits.mask).log())


def test_gradients_of_the_likelihood() -> None:
    logits = torch.tensor([[[0.3, -1.0, 2.0], [-0.5, 0.1, 9.0]]], dtype=torch.float64).requires_grad_()
    depth = torch.tensor([[[1.0, 2.0, 3.0]]], dtype=torch.float64)
    seen, mask = torch.tensor([[1.7, 0.0]], dtype=torch.float64), torch.tensor([[True, False]])
    assert torch.autograd.gradcheck(lambda x: log_likelihood(x, depth, seen, mask), (logits,))


def test_gradients_of_the_projection() -> None:
    generator = torch.Generator().manual_seed(0)
    view, to = camera(30, 10), camera(60, 100)
    frustum = around_origin(view)
    grid = torch.rand(1, 3, 3, 3, generator=generator, dtype=torch.float64).requires_grad_()
    rays = pixel_rays(to, PROJECTION, 0.3 * image_places(2, 2).double().view(1, -1, 2))
    depth = torch.linspace(0.42, 0.58, 6, dtype=torch.float64).view(1, 1, -1)

    def see(grid: Tensor) -> tuple[Tensor, Tensor]:
        hits = cast(frustum.sample(grid, rays.points(depth)), depth)
        return hits.mask, hits.expected_depth(1.0)

    assert (see(grid)[0] > 0.1).all()
    assert torch.autograd.gradcheck(see, (grid,))


def test_pixels_and_points_are_inverse() -> None:
    view = camera(25, 70)
    places = image_places(5, 7).double().view(1, -1, 2)
    points = pixel_rays(view, PROJECTION, places).points(torch.full((1, 1, 1), 0.45, dtype=torch.float64))
    clip = torch.cat([points[0, :, 0], torch.ones(35, 1, dtype=torch.float64)], 1) @ (PROJECTION @ view)[0].mT
    torch.testing.assert_close(clip[:, :2] / clip[:, 3:], places[0])
    torch.testing.assert_close(clip[:, 3], torch.full((35,), 0.45, dtype=torch.float64))
    assert image_places(5, 7)[0, 0].tolist() == pytest.approx([-6 / 7, 0.8])  # the top left pixel


def test_a_frustum_ends_at_its_window_and_its_depths() -> None:
    view = camera(30, 10)
    frustum = around_origin(view)
    inside = cells(frustum, view, 4)
    coordinates = frustum.coordinates(inside)
    torch.testing.assert_close(coordinates[0, :, 0, 0, 2], torch.tensor([-0.75, -0.25, 0.25, 0.75]).double())
    torch.testing.assert_close(coordinates[0, 0, :, 0, 1], torch.tensor([-0.75, -0.25, 0.25, 0.75]).double())
    torch.testing.assert_close(coordinates[0, 0, 0, :, 0], torch.tensor([-0.75, -0.25, 0.25, 0.75]).double())
    grid = torch.rand(1, 4, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(frustum.sample(grid, inside), grid)
    elsewhere = inside.new_tensor([[[1.0, 0.0, 0.0]]])
    assert frustum.sample(grid, elsewhere).item() == 0
    assert frustum.sample(grid, elsewhere, -8.0).item() == -8


def test_a_gripper_sees_what_a_camera_in_its_palm_would() -> None:
    pose = torch.tensor([[0.1, -0.2, 0.3, 0.4, -1.0, 2.0]], dtype=torch.float64)
    turn = torch.from_numpy(Rotation.from_rotvec(pose[0, 3:].numpy()).as_matrix())
    eye = pose[0, :3] + 0.12 * turn[:, 2]
    view = torch.eye(4, dtype=torch.float64)
    view[:3, :3], view[:3, 3] = turn.T, -turn.T @ eye
    projection = torch.diag(torch.tensor([2.0, 4.0, -1.0, 0.0], dtype=torch.float64))
    projection[3, 2] = -1
    camera_rays = pixel_rays(view[None], projection[None], image_places(3, 5).double().view(1, -1, 2))
    rays = gripper_rays(pose, (3, 5), behind=0.12, spread=(0.06, 0.03))
    torch.testing.assert_close(rays.origin, camera_rays.origin)
    torch.testing.assert_close(rays.direction, camera_rays.direction)


def test_rotation_matrices() -> None:
    vectors = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = Rotation.from_rotvec(vectors.reshape(-1, 3).numpy()).as_matrix()
    torch.testing.assert_close(rotation_matrices(vectors), torch.from_numpy(expected).view(2, 5, 3, 3))


def from_above(block: tuple[slice, slice], top: float) -> dict[str, Tensor]:
    """Return what a camera half a metre above a table sees of a block: 20 × 20 pixels, 0.02 m each there."""
    view = torch.eye(4)[None].clone()
    view[0, 2, 3] = -0.5
    depth = torch.full((1, 20, 20), 0.5)
    depth[0, *block] = 0.5 - top
    image = torch.zeros(1, 20, 20, 3, dtype=torch.uint8)
    image[0, *block] = 255
    return {"image": image, "depth": depth, "view": view, "projection": PROJECTION.float()}


def test_the_window_is_around_what_stands_on_the_table() -> None:
    # Columns 5 to 14 and rows 8 to 11: the image is 0.4 m wide at 0.5 m, so 0.36 m at the top of the block.
    sight = look(from_above((slice(8, 12), slice(5, 15)), top=0.05), pixels=10)
    half = 1.15 * 0.36 * 10 / 20 / 2  # the wider side, with a margin
    assert sight.half.tolist() == pytest.approx([half], rel=1e-4)
    deepest = 0.45 + half / 1.15
    assert sight.frustum.centre[0].tolist() == pytest.approx([0, 0, deepest], abs=1e-5)
    across = half * FOCAL / deepest
    assert sight.frustum.half[0].tolist() == pytest.approx([across, across, half], rel=1e-4)
    torch.testing.assert_close(sight.middle, torch.tensor([[0.0, 0.0, 0.5 - deepest]]))


def test_the_smallest_window_is_two_centimetres_wide_and_its_margin() -> None:
    observation = from_above((slice(10, 11), slice(10, 11)), top=0.05)
    sight = look(
        observation | {"projection": PROJECTION.float() * torch.tensor([20.0, 20, 1, 1])[:, None]}, 10
    )
    assert sight.half.tolist() == pytest.approx([1.15 * 0.01])


def test_a_crop_shows_depth_and_height_in_halves_of_its_side() -> None:
    sight = look(from_above((slice(8, 12), slice(5, 15)), top=0.05), pixels=10)
    half, middle = float(sight.half), float(sight.frustum.centre[0, 2])
    colour, mask, near, height = sight.image[0, 0], sight.image[0, 3], sight.image[0, 4], sight.image[0, 5]
    assert mask[5, 5] == 1
    assert mask[0, 5] == 0
    assert colour[5, 5] == 1
    assert float(near[5, 5]) == pytest.approx((0.45 - middle) / half, rel=1e-4)
    assert float(near[0, 5]) == pytest.approx((0.5 - middle) / half, rel=1e-4)
    assert float(height[5, 5]) == pytest.approx(0.05 / half, rel=1e-3)
    assert float(height[0, 5]) == pytest.approx(0, abs=1e-5)


def test_pixels_are_picked_across_and_up() -> None:
    """A place (x, y) in [-1, 1]² is x to the right and y up, from the middle of the image."""
    images = torch.arange(16.0).view(1, 1, 4, 4)
    places = torch.tensor([[[[-0.75, 0.75], [0.25, 0.75], [-0.25, -0.25], [0.75, -0.75]]]])
    assert pick(images, places).flatten().tolist() == [0, 2, 9, 15]
