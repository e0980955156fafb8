"""Read a rigid body from a URDF file."""

import xml.etree.ElementTree as ElementTree
from os.path import isfile  # unlike Path's, it knows no errors, such as of a name that is too long
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from unknot.envs.grasp.meshes import PARTS, THINNEST, outward, read_mesh
from unknot.files import FileError

__all__ = ["FRICTIONS", "MASSES", "Urdf", "read_urdf"]

MASSES = (1e-6, 1e3)
"""The range of masses, kg; beyond it PyBullet's numbers overflow."""
FRICTIONS = (0.0, 1e3)
"""The range of coefficients."""
LONGEST = 10.0
"""The longest edge of a geometry, and how far it may be from its link's frame, metres."""
BYTES = 10**7
"""The largest URDF file that is read."""

TAGS = ("mesh", "box", "sphere", "cylinder")
"""The geometries."""


class Urdf(NamedTuple):
    """The first link of a URDF file, in its own frame; metres."""

    visual: list[trimesh.Trimesh]
    """A mesh for each geometry, normals outward."""
    collision: list[trimesh.Trimesh]
    """A mesh for each geometry."""
    mass: float
    """kg."""
    friction: float
    """Lateral friction; 0.5 where the file gives none, PyBullet's default."""


def read_urdf(path: Path) -> Urdf:
    """Read the first link of a URDF file: meshes, boxes, spheres and cylinders, each with its origin.

    A mesh's filename is a path from the URDF file's folder, "file://PATH", or "package://NAME/REST": that is
    looked for in the folders called NAME that are above the file or beside a folder above it, then as REST in
    the file's own folder.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: the file, or a mesh that it names, is missing.
        FileError: it is not a URDF file of a body, or a value in it can't be used; the sentence names the
            element, the attribute and the value.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if path.stat().st_size > BYTES:
        raise FileError(f"{path} has {path.stat().st_size:,} bytes; a URDF file may have {BYTES:,}")
    try:
        link = ElementTree.fromstring(path.read_bytes().strip()).find("link")
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # not XML, or in an unknown encoding
        raise FileError(f"{path} is not a URDF file ({error})") from error
    if link is None:
        raise FileError(f"{path} has no link")
    for kind in ("visual", "collision"):
        if not 1 <= (count := len(link.findall(kind))) <= PARTS:
            raise FileError(f"{path} must have 1 to {PARTS:,} <{kind}> in its first link, not {count:,}")
    seen, touched = ([_shape(each, path) for each in link.findall(kind)] for kind in ("visual", "collision"))
    mass, friction = link.find("inertial/mass"), link.find("contact/lateral_friction")
    if mass is None:
        raise FileError(f"{path} must give its first link a mass")
    return Urdf(
        [outward(mesh) for mesh in seen],
        touched,
        _number(mass, "value", MASSES, path),
        0.5 if friction is None else _number(friction, "value", FRICTIONS, path),
    )


def _shape(element: Element, path: Path) -> trimesh.Trimesh:
    """Return a visual or collision geometry, in the frame of its link."""
    geometry = element.find("geometry")
    shapes = [] if geometry is None else list(geometry)
    if len(shapes) != 1 or shapes[0].tag not in TAGS:
        given = ", ".join(shape.tag for shape in shapes)[:100] or "none"
        raise FileError(f"{path}: the geometry of <{element.tag}> must be one of {TAGS}, not {given}")
    mesh = _made(shapes[0], path)
    longest = max(mesh.extents)
    if longest > LONGEST:
        raise FileError(f"{path}: <{shapes[0].tag}> must be at most {LONGEST:g} m long, not {longest:.3g} m")
    origin = element.find("origin")
    if origin is not None:
        transform = np.eye(4)
        turn = Rotation.from_euler("xyz", _numbers(origin, "rpy", (-1e6, 1e6), path, "0 0 0"))
        transform[:3, :3] = turn.as_matrix()
        transform[:3, 3] = _numbers(origin, "xyz", (-LONGEST, LONGEST), path, "0 0 0")
        mesh.apply_transform(transform)
    return mesh


def _made(shape: Element, path: Path) -> trimesh.Trimesh:
    """Return a geometry, in its own frame."""
    edge = (THINNEST, LONGEST)
    mesh: trimesh.Trimesh
    if shape.tag == "mesh":
        mesh = _scaled(shape, path)
    elif shape.tag == "box":
        mesh = trimesh.creation.box(_numbers(shape, "size", edge, path))
    elif shape.tag == "sphere":
        mesh = trimesh.creation.icosphere(subdivisions=2, radius=_number(shape, "radius", edge, path))
    else:
        radius, length = (_number(shape, name, edge, path) for name in ("radius", "length"))
        mesh = trimesh.creation.cylinder(radius, length)
    return mesh


def _scaled(shape: Element, path: Path) -> trimesh.Trimesh:
    """Return the mesh of a file at its scale; a negative one mirrors."""
    name = shape.get("filename", "")
    if not name:
        raise FileError(f"{path}: <mesh> must have a filename")
    scale = _numbers(shape, "scale", (-1e9, 1e9), path, "1 1 1", counts=(1, 3))
    if 0 in scale:
        raise FileError(f"{path}: scale of <mesh> must be other than 0, not {shape.get('scale')!r}")
    file = _find(name, path)
    if not isfile(file):
        raise FileNotFoundError(f"{path} names a mesh that is not there: {str(file)[:300]}")
    mesh = read_mesh(file)
    mesh.vertices *= scale
    if np.prod(np.broadcast_to(scale, 3)) < 0:
        mesh.invert()  # a mirror turns faces inside out
    return mesh


def _number(element: Element, name: str, limits: tuple[float, float], path: Path) -> float:
    return _numbers(element, name, limits, path, counts=(1,))[0]


def _numbers(
    element: Element,
    name: str,
    limits: tuple[float, float],
    path: Path,
    default: str = "",
    counts: tuple[int, ...] = (3,),
) -> list[float]:
    """Return the numbers of an attribute."""
    text = element.get(name, default)
    try:
        values = [float(word) for word in text.split()]
        if len(values) not in counts or not all(limits[0] <= value <= limits[1] for value in values):
            raise ValueError
    except ValueError:
        expected = " or ".join({1: "one number", 3: "three numbers"}[count] for count in counts)
        raise FileError(
            f"{path}: {name} of <{element.tag}> must be {expected} from {limits[0]:g} to {limits[1]:g}, "
            f"not {text[:100]!r}"
        ) from None
    return values


def _find(name: str, path: Path) -> Path:
    """Return the file of a mesh that a URDF file names."""
    if name.startswith("file://"):
        return path.parent / unquote(name.removeprefix("file://"))
    if not name.startswith("package://"):
        return path.parent / name.replace("\\", "/")
    package, _, rest = name.removeprefix("package://").partition("/")
    above = path.absolute().parents
    places = (
        place / rest for folder in above for place in (folder, folder / package) if place.name == package
    )
    return next((place for place in places if isfile(place)), path.parent / rest)
