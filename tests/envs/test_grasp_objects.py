"""The grasp objects: solids and their pieces agree, hollow objects are hollow, files are read."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

pytest.importorskip("trimesh", reason="grasp objects need trimesh")

import trimesh

from unknot.envs.grasp import meshes
from unknot.envs.grasp.objects import (
    CATEGORIES,
    GraspObject,
    bullet_objects,
    load_objects,
    make_objects,
)
from unknot.envs.grasp.shapes import SECTORS, Part, revolve, shell, solid, sweep
from unknot.envs.grasp.tabletop import find_objects
from unknot.files import FileError

ALL = find_objects("all")  # made once for all tests of a process


def of(category: str) -> list[GraspObject]:
    return [thing for thing in ALL if thing.category == category]


def volume(pieces: tuple[NDArray[np.float64], ...]) -> float:
    return float(sum(ConvexHull(piece).volume for piece in pieces))


def box(low: tuple[float, ...], high: tuple[float, ...], n: int = 5) -> NDArray[np.float64]:
    """A grid of points that spans a box."""
    axes = [np.linspace(a, b, n) for a, b in zip(low, high, strict=True)]
    grid: NDArray[np.float64] = np.stack(np.meshgrid(*axes), axis=-1)
    return grid.reshape(-1, 3)


# Shapes


def test_a_tumbler_by_hand() -> None:
    """Outside 3 cm wide and 10 cm high, wall and bottom 5 mm: a prism less a prism."""
    part = revolve(shell([(0, 0), (0.03, 0), (0.03, 0.1)], 0.005))
    per_radius = SECTORS / 2 * np.sin(2 * np.pi / SECTORS)  # the area of a 16-gon of radius 1
    wanted = per_radius * (0.03**2 * 0.1 - 0.025**2 * 0.095)
    assert part.mesh.is_volume
    assert part.mesh.volume == pytest.approx(wanted, rel=1e-6)
    assert volume(part.pieces) == pytest.approx(wanted, rel=1e-6)
    assert len(part.pieces) == 1 + SECTORS  # the bottom is convex as a whole


def test_a_cone_s_shell_is_as_thick_as_its_wall() -> None:
    outline, wall = np.array([(0, 0), (0.02, 0), (0.05, 0.04)]), 0.004
    side = shell(outline, wall)[1]
    along = (outline[2] - outline[1]) / np.linalg.norm(outline[2] - outline[1])
    normal = np.array([-along[1], along[0]])
    assert np.allclose((side[2:] - outline[1]) @ normal, wall)
    assert np.allclose(shell(outline, wall)[0][3], [0, wall])


def test_a_straight_tube_is_a_prism_and_a_bend_fills_its_corner() -> None:
    octagon = 2 * np.sqrt(2) * 0.01 * 0.006  # of half axes 10 and 6 mm
    straight = sweep([(0, 0, 0), (0.1, 0, 0)], 0.02, 0.012, ends=[(1, 0, 0), (1, 0, 0)])
    bent = sweep([(0, 0, 0), (0.1, 0, 0), (0.1, 0, 0.05)], 0.02, 0.012, ends=[(1, 0, 0), (0, 0, 1)])
    for part, length in ((straight, 0.1), (bent, 0.15)):
        assert part.mesh.is_volume
        assert part.mesh.volume == pytest.approx(octagon * length, rel=1e-6)
        assert volume(part.pieces) == pytest.approx(octagon * length, rel=1e-6)


def test_moving_a_solid_moves_mesh_and_pieces() -> None:
    part = revolve(solid([(0.02, 0), (0.01, 0.05)]))
    turned = part.moved(np.array([[1, 0, 0, 0.1], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]))
    for points in (turned.mesh.vertices, turned.pieces[0]):
        assert points[:, 1].min() == pytest.approx(-0.05)
        assert points[:, 0].mean() == pytest.approx(0.1)


# The collection


def test_there_are_101_in_seven_categories() -> None:
    assert len(ALL) == 101
    assert CATEGORIES == ("bottle", "bowl", "cup", "plate", "mug", "sugarbowl", "teapot")
    assert [len(of(category)) for category in CATEGORIES] == [15, 15, 15, 14, 14, 14, 14]
    assert len({thing.name for thing in ALL}) == 101


def test_meshes_are_closed_and_pieces_fill_them() -> None:
    for thing in ALL:
        assert thing.mesh.is_volume, thing.name  # watertight, consistent, outward
        for part in thing.mesh.split():
            assert part.volume > 0, thing.name
        assert volume(thing.pieces) == pytest.approx(thing.mesh.volume, rel=1e-3), thing.name


def test_objects_stand_centred_and_have_a_plausible_size_and_weight() -> None:
    for thing in ALL:
        low, high = thing.mesh.bounds
        assert np.allclose([*(low + high)[:2], low[2]], 0, atol=1e-9), thing.name
        corners = np.concatenate(thing.pieces)
        assert np.allclose([corners.min(axis=0), corners.max(axis=0)], [low, high], atol=1e-6), thing.name
        assert 0.05 < max(thing.mesh.extents) < 0.25, thing.name
        assert 0.1 < thing.mass < 0.8, thing.name
        assert 0.4 <= thing.friction <= 0.8, thing.name
        assert (thing.stand > 0) == (thing.category == "plate"), thing.name
        assert meshes.laid_down(part := Part(thing.mesh, thing.pieces)) is part, thing.name


def test_splits_are_disjoint_and_have_every_category() -> None:
    train, test = ({thing.name for thing in make_objects(split)} for split in ("train", "test"))
    assert not train & test
    assert train | test == {thing.name for thing in ALL}
    assert len(test) == 21
    assert {name.split("-")[0] for name in train} == {name.split("-")[0] for name in test} == set(CATEGORIES)
    with pytest.raises(ValueError, match="unknown split 'validation'"):
        make_objects("validation")


def test_a_seed_gives_the_same_objects_and_another_seed_others() -> None:
    again = {thing.name: thing for thing in make_objects("test")}
    other = {thing.name: thing for thing in make_objects("test", seed=1)}
    for thing in ALL:
        if thing.name in again:
            assert np.array_equal(thing.mesh.vertices, again[thing.name].mesh.vertices)
            assert (thing.mass, thing.friction) == (again[thing.name].mass, again[thing.name].friction)
            assert thing.mass != other[thing.name].mass


# Hollow and solid


@pytest.mark.parametrize("category", ["bowl", "cup", "plate"])
def test_the_inside_has_the_volume_of_the_mesh(category: str) -> None:
    thing = of(category)[0]
    low, high = thing.mesh.bounds
    points = np.random.default_rng(0).uniform(low, high, (60_000, 3))
    share = thing.contains(points).mean()
    assert share * np.prod(high - low) == pytest.approx(thing.mesh.volume, rel=0.05)
    assert thing.contains(points.reshape(100, 600, 3)).shape == (100, 600)


def test_mugs_are_hollow_and_a_finger_fits_into_the_handle() -> None:
    for mug in of("mug"):
        (left, _, _), (right, side, top) = mug.mesh.bounds
        axis, radius = left + side, side  # the handle is on the right
        inside = box((axis - radius / 2, -radius / 2, 0.01), (axis + radius / 2, radius / 2, top))
        assert not mug.contains(inside).any()
        assert mug.contains([axis, 0, 0.002])  # the bottom
        assert mug.contains([left + 0.001, 0, 0.98 * top])  # the rim
        wall = axis + radius
        hole = box((wall + 0.003, -0.02, top / 2 - 0.011), (wall + 0.017, 0.02, top / 2 + 0.011))
        assert not mug.contains(hole).any()  # a finger of 14 by 22 mm
        assert mug.contains(box((right - 0.01, 0, 0.3 * top), (right, 0, 0.7 * top), 20)).any()
        assert not mug.contains([[axis, 0, -0.001], [axis, 0, top + 0.001], [1, 1, 1]]).any()


def test_vessels_without_a_lid_are_hollow_and_those_with_one_are_solid() -> None:
    for thing in [*of("sugarbowl"), *of("teapot")]:
        axis = np.mean([piece.mean(axis=0) for piece in thing.pieces if np.ptp(piece[:, 0]) > 0.04], axis=0)
        closed = thing.contains([axis[0], 0, 0.04])
        assert closed == (len(thing.pieces) < 30), thing.name
    assert {len(thing.pieces) < 30 for thing in of("sugarbowl")} == {True, False}
    assert {len(thing.pieces) < 30 for thing in of("teapot")} == {True, False}


def test_there_is_room_below_a_plate_s_rim() -> None:
    for plate in of("plate"):
        radius = plate.mesh.bounds[1, 0]
        below = box((0.9 * radius, -0.01, 0), (radius, 0.01, 0.010))
        assert not plate.contains(below).any()
        assert plate.contains(box((0.9 * radius, 0, 0), (radius, 0, 0.04), 30)).any()


def test_the_centre_of_mass_of_pieces_is_that_of_the_solid() -> None:
    for thing in (of("cup")[3], of("bowl")[0]):
        assert np.allclose(thing.center_of_mass, thing.mesh.center_mass, atol=1e-6)
    assert of("mug")[0].center_of_mass[0] < -0.005  # the handle is on the right, the body is not


# Users' files


def written(mesh: trimesh.Trimesh, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)
    return path


def block(*extents: float) -> trimesh.Trimesh:
    mesh: trimesh.Trimesh = trimesh.creation.box(extents)
    return mesh


def test_meshes_in_plain_ycb_and_shapenet_layouts(tmp_path: Path) -> None:
    written(block(0.04, 0.05, 0.06), tmp_path / "brick.obj")
    written(block(0.04, 0.05, 0.06), tmp_path / "cup" / "tin.obj")
    written(block(0.04, 0.05, 0.06), tmp_path / "003_box" / "google_16k" / "textured.obj")
    written(block(0.02, 0.05, 0.06), tmp_path / "003_box" / "tsdf" / "textured.obj")
    written(block(0.2, 0.7, 0.2), tmp_path / "02876657" / "1a7ba1" / "models" / "model_normalized.obj")
    things = {thing.name: thing for thing in load_objects(tmp_path)}
    assert list(things) == ["003_box", "02876657/1a7ba1", "brick", "cup/tin"]
    assert [thing.category for thing in things.values()] == ["other", "bottle", "other", "cup"]
    for name in ("003_box", "brick", "cup/tin"):
        assert np.allclose(things[name].mesh.bounds, [[-0.02, -0.025, 0], [0.02, 0.025, 0.06]])
        assert things[name].mass == pytest.approx(600 * 0.04 * 0.05 * 0.06)
        assert len(things[name].pieces) == 1
    bottle = things["02876657/1a7ba1"]
    assert np.allclose(bottle.mesh.extents, np.array([0.2, 0.2, 0.7]) * 0.2 / 0.7)  # y was up


def test_urdf_files_with_several_geometries(tmp_path: Path) -> None:
    written(block(1, 1, 1), tmp_path / "parts" / "cube.obj")
    (tmp_path / "hammer.urdf").write_text(
        """<robot name="hammer"><link name="all">
        <inertial><mass value="0.3"/></inertial>
        <contact><lateral_friction value="0.7"/></contact>"""
        + "".join(
            f"""<{kind}><geometry><mesh filename="parts/cube.obj" scale="0.1 0.02 0.02"/></geometry></{kind}>
            <{kind}><origin xyz="0 0 0.025" rpy="0 1.5707963 0"/>
            <geometry><box size="0.06 0.03 0.03"/></geometry></{kind}>"""
            for kind in ("visual", "collision")
        )
        + "</link></robot>"
    )
    (hammer,) = load_objects(tmp_path)
    assert (hammer.name, hammer.mass, hammer.friction) == ("hammer", 0.3, 0.7)
    assert len(hammer.pieces) == 2
    assert hammer.mesh.bounds.ravel() == pytest.approx([-0.05, -0.015, 0, 0.05, 0.015, 0.065], abs=1e-8)
    assert hammer.contains([[0.014, 0.014, 0.064], [0.049, 0.009, 0.019]]).all()
    assert not hammer.contains([0.049, 0, 0.021])


def test_an_object_that_would_topple_lies_on_its_side(tmp_path: Path) -> None:
    upside_down = trimesh.creation.cone(0.03, 0.1)
    upside_down.vertices[:, 2] *= -1
    upside_down.invert()
    written(upside_down, tmp_path / "cone.obj")
    (cone,) = load_objects(tmp_path)
    assert cone.mesh.extents[2] == pytest.approx(0.06, rel=0.06)  # it lies
    assert cone.mesh.volume == pytest.approx(upside_down.volume)
    part = Part(cone.mesh, cone.pieces)
    assert meshes.laid_down(part) is part


def test_concave_meshes_are_decomposed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corner = revolve(shell([(0, 0), (0.03, 0), (0.03, 0.05)], 0.008)).mesh
    calls = []

    def decompose(mesh: trimesh.Trimesh, path: Path) -> list[NDArray[np.float64]]:
        calls.append(mesh)
        return [np.asarray(block(0.01, 0.02, 0.03).vertices), np.asarray(block(0.02, 0.02, 0.03).vertices)]

    monkeypatch.setattr(meshes, "_vhacd", decompose)
    written(corner, tmp_path / "pot.obj")
    first, second = load_objects(tmp_path)[0], load_objects(tmp_path)[0]
    assert len(calls) == 1
    assert len(first.pieces) == len(second.pieces) == 2
    assert all(np.array_equal(a, b) for a, b in zip(first.pieces, second.pieces, strict=True))


def test_v_hacd_leaves_the_corner_of_an_l_empty(tmp_path: Path) -> None:
    pytest.importorskip("pybullet", reason="PyBullet has no wheel for this Python")
    profile = [(0, 0), (0.06, 0), (0.06, 0.02), (0.02, 0.02), (0.02, 0.06), (0, 0.06)]
    front, back = ([(x, y, z) for x, z in profile] for y in (-0.01, 0.01))
    sides = [(k, (k + 1) % 6, (k + 1) % 6 + 6, k + 6) for k in range(6)]
    ends = [(0, 3, 2, 1), (0, 5, 4, 3)]
    quads = [*sides, *ends, *(tuple(k + 6 for k in end[::-1]) for end in ends)]
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    written(trimesh.Trimesh(front + back, faces), tmp_path / "l.obj")
    (corner,) = load_objects(tmp_path)
    assert len(corner.pieces) > 1
    assert corner.contains([[-0.02, 0, 0.03], [0.02, 0, 0.01]]).all()
    assert not corner.contains([0.01, 0, 0.045])


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("a.obj", "", FileError, "a.obj"),
        ("a.urdf", "<robot", FileError, "is not a URDF file"),
        ("a.urdf", "<robot/>", FileError, "has no link"),
        ("a.urdf", "<robot><link/></robot>", FileError, "must have 1 to 1,000 <visual>"),
        ("a.txt", "", FileNotFoundError, "has no .urdf"),
    ],
)
def test_bad_files_are_named(
    tmp_path: Path, name: str, content: str, error: type[Exception], words: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(error, match=words):
        load_objects(tmp_path)


def test_millimetres_are_refused(tmp_path: Path) -> None:
    written(block(40, 50, 60), tmp_path / "brick.obj")
    with pytest.raises(ValueError, match=r"brick.obj must be 0.005 to 0.6 m long, not 60"):
        load_objects(tmp_path)


def test_pybullet_s_own_objects_can_be_used() -> None:
    pytest.importorskip("pybullet_data", reason="PyBullet has no wheel for this Python")
    things = bullet_objects()
    assert len({thing.name for thing in things}) == len(things) == 27
    for thing in things:
        assert 0.02 < max(thing.mesh.extents) < 0.16, thing.name
        assert thing.mesh.bounds[0, 2] == pytest.approx(0, abs=1e-9), thing.name
        assert thing.contains(thing.pieces[0].mean(axis=0)), thing.name
        assert thing.mass > 0, thing.name
