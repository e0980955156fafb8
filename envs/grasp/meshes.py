"""Users' meshes: read, checked, rid of what has no volume, and decomposed into convex pieces.

Files hold anything, so that the cheap checks come first, and V-HACD, which is slow and may never end on a
mesh that isn't solid, runs in a process of its own.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from unknot.checks import require
from unknot.envs.grasp.obj import read_obj
from unknot.envs.grasp.shapes import Part
from unknot.files import FileError, write_bytes

__all__ = ["FORMATS", "convex_pieces", "joined", "laid_down", "outward", "read_mesh", "reduced", "solids"]

FORMATS = (".obj", ".stl", ".ply", ".off", ".glb", ".gltf", ".dae")
"""Suffixes of the files that can be read, in lower case; .dae needs pycollada."""

BYTES = 2**30
"""The largest file that is read."""
FACES = 1_000_000
"""The most triangles of a mesh; V-HACD works on a million cells, and sees no more."""
PARTS = 1_000
"""The most components and the most convex pieces of an object; PyBullet needs minutes for more."""
FARTHEST = 1e9
"""The largest coordinate, in a file's own unit; trimesh compares corners as integers of 1e-8."""
THINNEST = 1e-5
"""Metres. What is thinner in any direction has no volume that physics could feel, and V-HACD never ends."""
CONVEX = 0.97
"""A component that fills this share of its hull counts as convex."""

SECONDS = 600
"""How long V-HACD may take for a component."""
VHACD = "import signal, sys, pybullet; signal.alarm(int(sys.argv[4])); pybullet.vhacd(*sys.argv[1:4])"
"""The program of its process; the alarm ends it even when the process that waits for it was killed."""

Points = NDArray[np.float64]
Rows = NDArray[np.int64]


def read_mesh(path: Path) -> trimesh.Trimesh:
    """Read a mesh file, all its objects as one mesh, without materials; faces written twice become one.

    Args:
        path: a file of one of `FORMATS`, in any unit.

    Raises:
        FileNotFoundError: no such file.
        FileError: it is not a mesh, has no faces, over a million of them, or corners that are not finite.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no mesh {path}")
    if path.suffix.lower() not in FORMATS:
        raise FileError(f"{path} must be a mesh, a file that ends in one of {', '.join(FORMATS)}")
    if path.stat().st_size > BYTES:
        raise FileError(f"{path} has {path.stat().st_size:,} bytes; a mesh may have {BYTES:,}")
    corners, faces = read_obj(path) if path.suffix.lower() == ".obj" else _read_by_trimesh(path)
    if len(faces) == 0:
        raise FileError(f"{path} has no faces")
    if len(faces) > FACES:
        raise FileError(f"{path} has {len(faces):,} triangles; reduce it to {FACES:,} at most")
    if not (np.abs(corners) <= FARTHEST).all():
        raise FileError(f"{path} has corners that are not numbers from {-FARTHEST:g} to {FARTHEST:g}")
    mesh = trimesh.Trimesh(corners, faces)  # corners merged, whatever their texture
    proper = (mesh.faces != np.roll(mesh.faces, 1, axis=1)).all(axis=1) & _first(_rolled(mesh.faces))
    if not proper.all():
        mesh.update_faces(proper)
    if len(mesh.faces) == 0:
        raise FileError(f"{path} has no faces with an area")
    return mesh


def solids(mesh: trimesh.Trimesh, path: Path) -> list[trimesh.Trimesh]:
    """Return a mesh's components that have a volume, normals outward where they are closed.

    Faces that enclose nothing are left out with a warning, and so are walls between solids that touch. Of
    a surface whose faces are all there from both sides, one side is kept. If nothing is left, but the mesh
    doesn't lie in one plane, it is one component.

    Args:
        mesh: in metres.
        path: the file that it is from, for messages.

    Raises:
        FileError: nothing has a volume, or over a thousand components have.
    """
    rows = np.arange(len(mesh.faces))
    found = [group for group in _thick(mesh, rows) if _part(mesh, group).is_watertight]
    # Twice: without flat walls between them, solids that touch are one closed component.
    found += _thick(mesh, np.concatenate([rows[:0], *_thick(mesh, _others(rows, found))]))
    rest = _others(rows, found)
    rest = rest[_first(np.sort(mesh.faces[rest], axis=1))]
    one_sided = _thick(mesh, rest)
    found, rest = found + one_sided, _others(rest, one_sided)
    if not found and min(_extents(mesh.vertices)) > THINNEST:
        found, rest = [rows], rows[:0]
    if not found:
        raise FileError(f"{path} has no volume: it is flat, or its parts are")
    if len(found) > PARTS:
        raise FileError(f"{path} has {len(found):,} separate parts; an object may have {PARTS:,}")
    if len(rest):
        warnings.warn(f"{path}: {len(rest):,} triangles that enclose nothing are left out", stacklevel=2)
    return [_turned_out(_part(mesh, group)) for group in found]


def outward(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Turn closed components whose normals point inward: PyBullet draws faces from outside alone."""
    rows = np.arange(len(mesh.faces))
    groups = _thick(mesh, rows)
    parts = [_part(mesh, group) for group in groups]
    if all(part.is_volume or not part.is_watertight for part in parts):
        return mesh
    rest = _others(rows, groups)
    return joined([*map(_turned_out, parts), *([_part(mesh, rest)] if len(rest) else [])])


def reduced(mesh: trimesh.Trimesh, most: int) -> trimesh.Trimesh:
    """Merge the corners in the cells of a grid of 1.5 mm, then of coarser ones, until few triangles remain.

    PyBullet's renderer leaves out triangles that are far smaller than a pixel, which is 5 mm wide.

    Args:
        mesh: in metres.
        most: the most triangles to keep; a mesh that has no more is returned as it is.
    """
    cell = 1.5e-3
    while len(mesh.faces) > most:
        cells = np.round(mesh.vertices / cell).astype(np.int64)
        _, rows, inverse = np.unique(cells, axis=0, return_index=True, return_inverse=True)
        faces = inverse.reshape(-1)[mesh.faces]
        proper = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
        mesh = trimesh.Trimesh(mesh.vertices[rows], faces[proper], process=False)
        cell *= 1.5
    return mesh


def joined(meshes: list[trimesh.Trimesh]) -> trimesh.Trimesh:
    """Return meshes as one."""
    corners, faces = trimesh.util.append_faces([m.vertices for m in meshes], [m.faces for m in meshes])
    return trimesh.Trimesh(corners, faces, process=False)


def convex_pieces(parts: list[trimesh.Trimesh], cache: Path, path: Path) -> tuple[Points, ...]:
    """Decompose components into convex pieces.

    Convex ones are pieces themselves. V-HACD, which is part of PyBullet, decomposes the others; that can
    take minutes, so the result is cached where the folder can be written.

    Args:
        parts: from `solids`.
        cache: a folder for V-HACD's results, one file per component; it is made when needed.
        path: the file that they are from, for messages.

    Returns:
        The vertices (n, 3) of each piece.

    Raises:
        FileError: V-HACD found no pieces, or too many, or needed over ten minutes for a component.
    """
    pieces: list[Points] = []
    for part in parts:
        hull = part.convex_hull
        if part.is_watertight and abs(part.volume) > CONVEX * hull.volume:
            pieces.append(np.asarray(hull.vertices))
        else:
            pieces += _decomposed(part, cache, path)
    if len(pieces) > PARTS:
        raise FileError(f"{path} has {len(pieces):,} convex pieces; an object may have {PARTS:,}")
    return tuple(pieces)


def laid_down(part: Part) -> Part:
    """Return a solid unchanged if it can stand so, else laid on the side nearest its centre of mass."""
    points = np.concatenate(part.pieces)
    hull = trimesh.convex.convex_hull(points)
    base = points[points[:, 2] < points[:, 2].min() + 1e-3, :2]
    if len(base) > 2:
        edges = ConvexHull(base, qhull_options="QJ").equations  # joggled: the base may be a line
        if (edges[:, :2] @ hull.center_mass[:2] + edges[:, 2] < 0).all():
            return part
    # The centre of mass is always above the nearest side: otherwise another side would be nearer.
    distances = np.einsum("ij,ij->i", hull.face_normals, hull.triangles[:, 0] - hull.center_mass)
    normal = hull.face_normals[np.argmin(distances)]
    turn = np.eye(4)
    turn[:3, :3] = Rotation.align_vectors([[0.0, 0.0, -1.0]], [normal])[0].as_matrix()
    return part.moved(turn)


def _read_by_trimesh(path: Path) -> tuple[Points, Rows]:
    if path.suffix.lower() in (".glb", ".gltf"):  # they may announce numbers of zeros without storing them
        counts = re.findall(rb'"count"\s*:\s*(\d+)', path.read_bytes())
        if any(len(count) > 9 or int(count) > 3 * FACES for count in counts):
            raise FileError(f"{path} announces over {3 * FACES:,} numbers; reduce it to {FACES:,} triangles")
    try:
        with warnings.catch_warnings():
            # NumPy only warns where a text of numbers holds something else, and drops what follows.
            warnings.simplefilter("error", DeprecationWarning)
            mesh = trimesh.load_scene(path, skip_materials=True, process=False).to_mesh()
        return np.asarray(mesh.vertices), np.asarray(mesh.faces)
    except Exception as error:  # trimesh's readers raise many kinds on a damaged file
        raise FileError(f"{path} is not a mesh that can be read ({error})"[:500]) from error


def _turned_out(part: trimesh.Trimesh) -> trimesh.Trimesh:
    if part.is_watertight and not part.is_volume:
        trimesh.repair.fix_normals(part)  # type: ignore[no-untyped-call]
    return part


def _rolled(faces: Rows) -> Rows:
    """Return the same triangles, each from its lowest corner on."""
    turns = (faces.argmin(axis=1)[:, None] + np.arange(3)) % 3
    return np.take_along_axis(faces, turns, axis=1)


def _first(rows: Rows) -> NDArray[np.bool_]:
    """Return which rows have no equal before them."""
    first = np.zeros(len(rows), dtype=bool)
    first[np.unique(rows, axis=0, return_index=True)[1]] = True
    return first


def _thick(mesh: trimesh.Trimesh, rows: Rows) -> list[Rows]:
    """Return the rows of each component of some faces that isn't flat."""
    if len(rows) == 0:
        return []
    part = _part(mesh, rows)
    nodes = np.arange(len(rows))
    groups = trimesh.graph.connected_components(part.face_adjacency, min_len=4, nodes=nodes)
    return [rows[k] for k in groups if min(_extents(part.triangles[k].reshape(-1, 3))) > THINNEST]


def _others(rows: Rows, groups: list[Rows]) -> Rows:
    return np.setdiff1d(rows, np.concatenate([rows[:0], *groups]))


def _part(mesh: trimesh.Trimesh, rows: Rows) -> trimesh.Trimesh:
    part: trimesh.Trimesh = mesh.submesh([rows], append=True)  # type: ignore[assignment]
    return part


def _extents(points: Points) -> Points:
    """Return how far points (n, 3) reach along their three principal axes, metres."""
    centred = points - points.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1]
    return np.asarray(np.ptp(centred @ axes, axis=0))


def _decomposed(mesh: trimesh.Trimesh, cache: Path, path: Path) -> list[Points]:
    """Decompose by V-HACD, or read the cached result."""
    key = hashlib.sha256(mesh.vertices.tobytes() + mesh.faces.tobytes()).hexdigest()
    kept = cache / f"{key}.npz"
    with suppress(Exception):  # missing, or damaged in any way: then it is made anew
        with np.load(BytesIO(kept.read_bytes()), allow_pickle=False) as file:
            pieces = [np.asarray(file[name], dtype=np.float64) for name in file.files]
        if pieces and all(_is_solid(piece) for piece in pieces):
            return pieces
    pieces = _vhacd(mesh, path)
    content = BytesIO()
    np.savez_compressed(content, *pieces)
    with suppress(OSError):  # in a folder that can't be written, each reading decomposes anew
        write_bytes(kept, content.getvalue())
    return pieces


def _is_solid(points: Points) -> bool:
    shaped = points.ndim == 2 and points.shape[1] == 3 and len(points) >= 4 and np.isfinite(points).all()
    return bool(shaped and min(_extents(points)) > THINNEST)


def _vhacd(mesh: trimesh.Trimesh, path: Path) -> list[Points]:
    """Run V-HACD in a process that ends with its time, and with this process's Ctrl-C."""
    require("grasp", "pybullet")
    with tempfile.TemporaryDirectory() as folder:
        source, target, log = (Path(folder) / name for name in ("in.obj", "out.obj", "log.txt"))
        mesh.export(source)
        command = [sys.executable, "-P", "-c", VHACD, str(source), str(target), str(log), str(SECONDS)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if done.returncode or not target.exists():
            raise FileError(
                f"{path} can't be decomposed into convex pieces: V-HACD died, or took over {SECONDS} s; "
                f"a URDF file can give the object simpler collision shapes"
            )
        corners, faces = read_obj(target)
    parts = trimesh.Trimesh(corners, faces).split(only_watertight=False) if len(faces) else []
    pieces = [np.asarray(part.convex_hull.vertices) for part in parts if _is_solid(part.vertices)]
    if not pieces:
        raise FileError(f"{path} has a part without volume, for which V-HACD finds no convex pieces")
    return pieces
