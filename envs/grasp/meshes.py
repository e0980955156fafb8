"""Users' meshes: OBJ and URDF files, decomposed into convex pieces."""

import hashlib
import tempfile
import xml.etree.ElementTree as ElementTree
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from unknot.checks import require
from unknot.envs.grasp.shapes import Part
from unknot.files import FileError, write_bytes

__all__ = ["Urdf", "convex_pieces", "laid_down", "read_mesh", "read_urdf"]

CONVEX = 0.97
"""A component that fills this share of its hull counts as convex."""

Points = NDArray[np.float64]


class Urdf(NamedTuple):
    """A rigid body of a URDF file."""

    part: Part
    mass: float
    """kg."""
    friction: float
    """Lateral friction; 0.5 where the file gives none, PyBullet's default."""


def read_mesh(path: Path) -> trimesh.Trimesh:
    """Read a mesh file, all its objects as one mesh, without materials.

    Raises:
        FileNotFoundError: no such file.
        FileError: it is not a mesh.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no mesh {path}")
    try:
        loaded = trimesh.load_scene(path, skip_materials=True).to_mesh()
        mesh = trimesh.Trimesh(loaded.vertices, loaded.faces)  # corners merged, whatever their texture
    except Exception as error:  # trimesh's readers raise many kinds on a damaged file
        raise FileError(f"{path} is not a mesh that can be read ({error})") from error
    if len(mesh.faces) == 0:
        raise FileError(f"{path} has no faces")
    return mesh


def read_urdf(path: Path, cache: Path) -> Urdf:
    """Read the first link of a URDF file: meshes, boxes, spheres and cylinders, each with its origin.

    Args:
        path: the file.
        cache: as in `convex_pieces`.

    Raises:
        FileNotFoundError: the file, or a mesh that it names, is missing.
        FileError: it is not a URDF file of a body.
    """
    try:
        link = ElementTree.fromstring(path.read_text(encoding="utf-8").strip()).find("link")
    except ElementTree.ParseError as error:
        raise FileError(f"{path} is not a URDF file ({error})") from error
    if link is None:
        raise FileError(f"{path} has no link")
    seen, touched = (_shapes(link, kind, path) for kind in ("visual", "collision"))
    if not seen or not touched:
        raise FileError(f"{path} must have a visual and a collision geometry in its first link")
    mass, friction = link.find("inertial/mass"), link.find("contact/lateral_friction")
    if mass is None or not float(mass.get("value", 0)) > 0:
        raise FileError(f"{path} must give its first link a positive mass")
    return Urdf(
        Part(_joined(seen), tuple(piece for mesh in touched for piece in convex_pieces(mesh, cache))),
        float(mass.get("value", 0)),
        0.5 if friction is None else float(friction.get("value", 0.5)),
    )


def convex_pieces(mesh: trimesh.Trimesh, cache: Path) -> tuple[Points, ...]:
    """Decompose a mesh into convex pieces.

    Convex connected components are pieces themselves. V-HACD, which is part of PyBullet, decomposes the
    others; that can take minutes, so the result is cached.

    Args:
        mesh: one or several components.
        cache: a folder for V-HACD's results, one file per component; it is made when needed.

    Returns:
        The vertices (n, 3) of each piece.
    """
    pieces: list[Points] = []
    for component in mesh.split(only_watertight=False):
        try:
            hull = component.convex_hull
        except Exception:  # Qhull raises on a flat one, which nothing can touch
            continue
        if component.is_watertight and abs(component.volume) > CONVEX * hull.volume:
            pieces.append(np.asarray(hull.vertices))
        else:
            pieces += _decomposed(component, cache)
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


def _shapes(link: ElementTree.Element, kind: str, path: Path) -> list[trimesh.Trimesh]:
    return [_shape(element, path) for element in link.findall(kind)]


def _shape(element: ElementTree.Element, path: Path) -> trimesh.Trimesh:
    """Return a visual or collision geometry, in the frame of its link."""
    geometry = next(iter(element.find("geometry") or []), None)
    tag = "none" if geometry is None else geometry.tag
    if geometry is None or tag not in ("mesh", "box", "sphere", "cylinder"):
        raise FileError(f"{path}: geometry {tag!r} must be a mesh, box, sphere or cylinder")
    if tag == "mesh":
        mesh = read_mesh(path.parent / geometry.get("filename", ""))
        mesh.vertices *= _numbers(geometry.get("scale", "1 1 1"))
    elif tag == "box":
        mesh = trimesh.creation.box(_numbers(geometry.get("size", "")))
    elif tag == "sphere":
        mesh = trimesh.creation.icosphere(subdivisions=2, radius=float(geometry.get("radius", "")))
    else:
        radius, length = (float(geometry.get(name, "")) for name in ("radius", "length"))
        mesh = trimesh.creation.cylinder(radius, length)
    origin = element.find("origin")
    if origin is not None:
        transform = np.eye(4)
        transform[:3, :3] = Rotation.from_euler("xyz", _numbers(origin.get("rpy", "0 0 0"))).as_matrix()
        transform[:3, 3] = _numbers(origin.get("xyz", "0 0 0"))
        mesh.apply_transform(transform)
    return mesh


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def _joined(meshes: list[trimesh.Trimesh]) -> trimesh.Trimesh:
    corners, faces = trimesh.util.append_faces([m.vertices for m in meshes], [m.faces for m in meshes])
    return trimesh.Trimesh(corners, faces, process=False)


def _decomposed(mesh: trimesh.Trimesh, cache: Path) -> list[Points]:
    """Decompose by V-HACD, or read the cached result."""
    key = hashlib.sha256(mesh.vertices.tobytes() + mesh.faces.tobytes()).hexdigest()
    kept = cache / f"{key}.npz"
    if not kept.exists():
        content = BytesIO()
        np.savez_compressed(content, *_vhacd(mesh))
        write_bytes(kept, content.getvalue())
    with np.load(kept, allow_pickle=False) as pieces:
        return [pieces[name] for name in pieces.files]


def _vhacd(mesh: trimesh.Trimesh) -> list[Points]:
    require("grasp", "pybullet")
    import pybullet

    with tempfile.TemporaryDirectory() as folder:
        source, target, log = (str(Path(folder) / name) for name in ("in.obj", "out.obj", "log.txt"))
        mesh.export(source)
        pybullet.vhacd(source, target, log)
        parts = read_mesh(Path(target)).split(only_watertight=False)
    return [np.asarray(part.convex_hull.vertices) for part in parts]
