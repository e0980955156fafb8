"""Users' files of grasp objects: what is odd is read right, what can't be used is refused by name."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

pytest.importorskip("pybullet", reason="PyBullet is not installed")
pytest.importorskip("trimesh", reason="trimesh is not installed")

import trimesh

from unknot.envs.grasp import meshes
from unknot.envs.grasp.camera import look
from unknot.envs.grasp.obj import read_obj
from unknot.envs.grasp.objects import GraspObject, load_objects
from unknot.envs.grasp.physics import Physics, Placement
from unknot.files import FileError

BOX = trimesh.creation.box((0.04, 0.05, 0.06))
CORNERS = "".join(f"v {x} {y} {z}\n" for x, y, z in BOX.vertices)
FACES = "".join(f"f {a} {b} {c}\n" for a, b, c in BOX.faces + 1)
SHEET = "v 0 0 -.1\nv .1 0 -.1\nv .1 .1 -.1\nv 0 .1 -.1\nf -4 -3 -2\nf -4 -2 -1\n"
WEDGE = trimesh.convex.convex_hull(np.array([(0, 0, 0), (0.1, 0, 0), (0, 0.05, 0), (0, 0, 0.03)]))


def text(mesh: Any) -> str:
    return str(mesh.export(file_type="obj", include_normals=False))


def urdf(shape: str, mass: str = "0.1", more: str = "", origin: str = "") -> str:
    body = "".join(f"<{k}>{origin}<geometry>{shape}</geometry></{k}>" for k in ("visual", "collision"))
    inertial = f'<inertial><mass value="{mass}"/></inertial>'
    return f'<robot name="a"><link name="b">{inertial}{more}{body}</link></robot>'


def read(folder: Path, files: dict[str, str | bytes]) -> GraspObject:
    """Write files and read the one object of their folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (thing,) = load_objects(folder)
    return thing


def volume(thing: GraspObject) -> float:
    return float(sum(ConvexHull(piece).volume for piece in thing.pieces))


def depth(thing: GraspObject) -> NDArray[np.float32]:
    """What the camera sees of an object."""
    physics = Physics()
    physics.build(thing, Placement(0, (0.0, 0.0), 0.0), [0, 0, 0.5, 0, 0, 0])
    return look(physics.bullet, physics.object_body, 50, 30).depth


def sleeping(note: Path) -> str:
    """A program that ends as V-HACD does, by its alarm, and notes its process."""
    begin = "import os, signal, sys, time; signal.alarm(int(sys.argv[4]))"
    return f"{begin}; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(99)"


# OBJ


def test_indices_count_from_their_line_and_polygons_are_fans(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_bytes(
        b"\xef\xbb\xbfv 0 0 0\nv 1 0 0 # a corner\r\nv 1 1 0 0.5 0.5 0.5\nf -3/1/1 -2//2 -1\n"
        b"v 0 1 0\nf -4 \\\n2 -2 4\no Sch\xfcssel\nf 1 2 3 4 5\nv 0 .5 0\n"
    )
    corners, triangles = read_obj(path)
    assert corners.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0.5, 0]]
    assert triangles.tolist() == [[0, 1, 2], [0, 1, 2], [2, 3, 0], [0, 1, 2], [2, 3, 0], [3, 4, 0]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CORNERS + FACES + "f 0 1 2\n", r"'f 0 1 2' \(a corner must be from 1 up, or from -8 to -1, not 0\)"),
        (CORNERS + FACES + "f 1 2 9\n", "a face of corner 9, but only 8 corners"),
        (CORNERS + FACES + f"f 1 2 {10**30}\n", "a corner must be from 1 up"),
        (CORNERS + FACES + "f 1 2\n", "at least three corners"),
        (CORNERS + "v 1 x 2\n" + FACES, "'v 1 x 2'"),
        (CORNERS.replace("v -0.02", "v nan", 1) + FACES, "corners that are not numbers from"),
        (CORNERS.replace("v -0.02", "v inf", 1) + FACES, "corners that are not numbers from"),
        (SHEET, "has no volume"),
        (CORNERS + "f 1 2 3\n", "has no volume"),
        (CORNERS + "f 1 1 2\n", "no faces with an area"),
        (text(BOX.copy().apply_scale(1000)), "0.001 for one in millimetres"),
    ],
)
def test_what_can_t_be_used_is_refused_by_name(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(FileError, match=rf"a\.obj.*{words}"):
        read(tmp_path, {"a.obj": content})


@pytest.mark.parametrize(
    "content",
    [
        CORNERS + FACES + FACES,
        CORNERS + FACES + "".join(f"f {a} {b} {c}\n" for c, b, a in BOX.faces + 1),
        text(trimesh.Trimesh(BOX.vertices, BOX.faces[:, ::-1])),
        text(trimesh.Trimesh(BOX.triangles.reshape(-1, 3), np.arange(36).reshape(-1, 3), process=False)),
        "\ufeff" + CORNERS + FACES,
    ],
    ids=["doubled", "both sides", "inside out", "no shared corners", "byte order mark"],
)
def test_an_odd_box_is_a_box(tmp_path: Path, content: str) -> None:
    box = read(tmp_path, {"a.obj": content})
    assert len(box.pieces) == 1
    assert volume(box) == pytest.approx(1.2e-4)
    assert box.mesh.is_volume
    assert np.allclose(box.mesh.extents, (0.04, 0.05, 0.06))


def test_a_sheet_beside_a_box_is_left_out_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"a\.obj: 2 triangles that enclose nothing are left out"):
        box = read(tmp_path, {"a.obj": CORNERS + FACES + SHEET})
    assert np.allclose(box.mesh.bounds, [[-0.02, -0.025, 0], [0.02, 0.025, 0.06]])


def test_blocks_of_negative_indices_are_all_read(tmp_path: Path) -> None:
    block = "".join(f"f {a} {b} {c}\n" for a, b, c in BOX.faces - 8)
    above = "".join(f"v {x} {y} {z + 0.1}\n" for x, y, z in BOX.vertices)
    both = read(tmp_path, {"a.obj": CORNERS + block + above + block})
    assert len(both.pieces) == 2
    assert np.allclose(both.mesh.extents, (0.04, 0.05, 0.16))


@pytest.mark.filterwarnings("ignore:.*enclose nothing")
def test_boxes_that_touch_are_one_without_walls_inside(tmp_path: Path) -> None:
    tower = trimesh.util.concatenate([BOX, BOX.copy().apply_translation((0, 0, 0.06))])
    thing = read(tmp_path, {"a.obj": text(tower)})
    assert len(thing.pieces) == 1
    assert thing.mesh.volume == pytest.approx(volume(thing)) == pytest.approx(2.4e-4)


def test_a_mesh_of_too_many_triangles_is_drawn_with_fewer(tmp_path: Path) -> None:
    fine = BOX
    while len(fine.faces) < 40_000:
        fine = fine.subdivide()
    with pytest.warns(UserWarning, match=r"a\.obj has 49,152 triangles; it is drawn with"):
        thing = read(tmp_path, {"a.obj": text(fine)})
    assert len(thing.mesh.faces) <= 40_000
    assert volume(thing) == pytest.approx(1.2e-4)
    off = np.abs(depth(thing) - depth(read(tmp_path / "plain", {"a.obj": text(BOX)})))
    assert (off < 2e-3).mean() > 0.999  # pixels on its outline may see past it


# Folders


@pytest.mark.parametrize("name", ["A.OBJ", "a.stl", "A.STL", "a.ply", "mug/google_16k/nontextured.ply"])
def test_a_folder_of_one_kind_of_mesh(tmp_path: Path, name: str) -> None:
    content = BOX.export(file_type=name[-3:].lower())
    thing = read(tmp_path, {name: content, ".DS_Store": "", f"._{Path(name).name}": b"\0\5\x16\7\xff"})
    assert thing.name == Path(name).parts[0].split(".")[0]
    assert volume(thing) == pytest.approx(1.2e-4)


def test_a_folder_may_be_a_string_and_must_be_there(tmp_path: Path) -> None:
    read(tmp_path, {"a.urdf": urdf('<box size="0.1 0.1 0.1"/>'), "._a.urdf": b"\0\5\x16\7\xff"})
    assert [thing.name for thing in load_objects(str(tmp_path))] == ["a"]
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        load_objects(str(tmp_path / "nowhere"))


# V-HACD


def concave() -> str:
    return text(trimesh.Trimesh(BOX.vertices, BOX.faces[:-2]))


def test_a_decomposition_ends_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meshes, "VHACD", sleeping(tmp_path / "process"))
    monkeypatch.setattr(meshes, "SECONDS", 1)
    with pytest.raises(FileError, match=r"a\.obj can't be decomposed"):
        read(tmp_path, {"a.obj": concave()})


def test_ctrl_c_ends_a_decomposition_and_its_process(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(concave())
    note = tmp_path / "process"
    program = (  # a process that is started in the background ignores the signal by default
        "import signal\nfrom unknot.envs.grasp import meshes, objects\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"meshes.VHACD = {sleeping(note)!r}\nobjects.load_objects({str(tmp_path)!r})"
    )
    running = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in running.communicate(timeout=30)[1]
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_damaged_or_unwritable_cache_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def decompose(mesh: trimesh.Trimesh, path: Path) -> list[NDArray[np.float64]]:
        calls.append(path)
        return [np.asarray(BOX.vertices)]

    monkeypatch.setattr(meshes, "_vhacd", decompose)
    read(tmp_path, {"a.obj": concave()})
    (kept,) = (tmp_path / "convex-pieces").iterdir()
    whole = kept.read_bytes()
    for content in (b"", whole[:40], whole[:-30], b"PK", whole[:60] + b"?" + whole[61:]):
        kept.write_bytes(content)
        read(tmp_path, {})
    assert len(calls) == 6
    read(tmp_path, {})
    assert len(calls) == 6
    other = tmp_path / "other"
    read(other, {"a.obj": concave(), "convex-pieces": "a file where the folder should be"})
    assert len(calls) == 7


# URDF


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            urdf('<box size="0.1 0.1 0"/>'),
            "size of <box> must be three numbers from 1e-05 to 10, not '0.1 0.1 0'",
        ),
        (urdf('<box size="0.1 0.1 1e308"/>'), "size of <box>"),
        (urdf('<box size="-0.1 0.1 0.1"/>'), "size of <box>"),
        (urdf('<sphere radius="r"/>'), "radius of <sphere> must be one number from 1e-05 to 10, not 'r'"),
        (urdf('<cylinder radius="0.1"/>'), "length of <cylinder>"),
        (urdf('<mesh filename="b.obj" scale="0 0 0"/>'), "scale of <mesh> must be other than 0, not '0 0 0'"),
        (
            urdf('<mesh filename="b.obj" scale="1 nan 1"/>'),
            "scale of <mesh> must be one number or three numbers",
        ),
        (urdf(f'<mesh filename="{"c" * 5000}.obj"/>'), "names a mesh that is not there"),
        (urdf('<mesh filename="c.obj"/>'), "names a mesh that is not there: .*c.obj"),
        (urdf('<box size="0.1 0.1 0.1"/>', mass="inf"), "value of <mass> must be one number .* not 'inf'"),
        (urdf('<box size="0.1 0.1 0.1"/>', mass="x"), "value of <mass>"),
        (urdf('<box size="0.1 0.1 0.1"/>', origin='<origin xyz="0 0 z"/>'), "xyz of <origin>"),
        (urdf("<capsule/>"), "geometry of <visual> must be one of"),
        (urdf('<box size="0.1 0.1 0.1"/>').replace('"a"', '"Möbel"').encode("latin-1"), "is not a URDF file"),
        *(
            (
                urdf('<box size="1 1 1"/>', more=f'<contact><lateral_friction value="{value}"/></contact>'),
                f"value of <lateral_friction> must be one number from 0 to 1000, not '{value}'",
            )
            for value in ("nan", "-5")
        ),
    ],
)
def test_a_value_of_a_urdf_file_is_refused_by_name(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises((FileError, FileNotFoundError), match=rf"a\.urdf.*{words}"):
        read(tmp_path, {"a.urdf": content, "b.obj": text(BOX)})


@pytest.mark.parametrize("scale", [(-1, 1, 1), (1, -1, 1), (-1, -1, 1)])
def test_a_mirrored_mesh_is_drawn_as_its_mirror_image(tmp_path: Path, scale: tuple[int, ...]) -> None:
    shape = f'<mesh filename="b.obj" scale="{" ".join(map(str, scale))}"/>'
    by_scale = read(tmp_path / "a", {"a.urdf": urdf(shape), "b.obj": text(WEDGE)})
    mirrored = WEDGE.copy().apply_transform(np.diag([*scale, 1]))
    by_hand = read(tmp_path / "b", {"a.urdf": urdf('<mesh filename="b.obj"/>'), "b.obj": text(mirrored)})
    assert by_scale.mesh.is_volume
    assert volume(by_scale) == pytest.approx(WEDGE.volume)
    assert np.abs(depth(by_scale) - depth(by_hand)).max() < 1e-4
    plain = read(tmp_path / "c", {"a.urdf": urdf('<mesh filename="b.obj"/>'), "b.obj": text(WEDGE)})
    assert np.abs(depth(by_scale) - depth(plain)).max() > 0.01


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("package://cup/meshes/b.obj", "cup/meshes/b.obj"),
        ("package://other/meshes/b.obj", "cup/urdf/meshes/b.obj"),
        ("package://parts/b.obj", "cup/parts/b.obj"),
        ("file://{folder}/b.obj", "b.obj"),
        ("file://b.obj", "cup/urdf/b.obj"),
        ("..\\b.obj", "cup/b.obj"),
    ],
)
def test_meshes_of_packages_and_addresses_are_found(tmp_path: Path, name: str, place: str) -> None:
    shape = f'<mesh filename="{name.format(folder=tmp_path)}"/>'
    thing = read(tmp_path, {"cup/urdf/a.urdf": urdf(shape), place: text(BOX)})
    assert np.allclose(thing.mesh.extents, (0.04, 0.05, 0.06))


# Objects made by hand


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mass": np.inf}, "mass must be from"),
        ({"mass": 0.0}, "mass must be from"),
        ({"friction": np.nan}, "friction must be from"),
        ({"friction": -5.0}, "friction must be from"),
        ({"stand": -1.0}, "stand must be from"),
        ({"pieces": ()}, "number of pieces must be from 1"),
        ({"pieces": (np.full((8, 3), np.nan),)}, "corners of a must be"),
        ({"pieces": (np.zeros((8, 2)),)}, "corners of a must be"),
        ({"pieces": (BOX.vertices[:2],)}, "corners of a must be"),
        ({"mesh": trimesh.Trimesh()}, "triangles of mesh must be from 1"),
    ],
)
def test_an_object_that_pybullet_can_t_simulate_is_refused(change: dict[str, object], words: str) -> None:
    whole = {"mesh": BOX, "pieces": (np.asarray(BOX.vertices),), "mass": 0.1, "friction": 0.5}
    with pytest.raises(ValueError, match=words):
        GraspObject("a", "b", **{**whole, **change})


def test_a_flat_piece_is_refused_before_it_is_simulated() -> None:
    flat = GraspObject("a", "b", BOX, (BOX.vertices * [1, 1, 0],), 0.1, 0.5)
    with pytest.raises(ValueError, match="pieces of a must have a volume"):
        Physics().build(flat, Placement(0, (0.0, 0.0), 0.0), [0, 0, 0.5, 0, 0, 0])
