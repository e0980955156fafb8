"""Files: atomic writes, weights.

Every room may import this module; it imports numpy alone (safetensors once weights are read or written).
Nothing here runs code found in a file: weights are safetensors, everything else is JSON.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import require, shown

__all__ = [
    "AGENT",
    "BFLOAT16",
    "CONFIG",
    "FORMAT",
    "METRICS",
    "RESULTS",
    "SOURCE",
    "WEIGHTS",
    "FileError",
    "Header",
    "WeightsError",
    "create_folder",
    "load_weights",
    "plain",
    "read_json",
    "read_object",
    "save_weights",
    "write_bytes",
    "write_json",
    "write_text",
]

FORMAT = 1
"""Version of the weight files' layout; a file of another version is refused."""

CONFIG = "config.json"
"""In a seed's folder: experiment, preset, settings, seed, version."""
METRICS = "metrics.json"
"""The metrics of a seed, or of one of its models; written last, so a folder with this file is complete."""
RESULTS = "results.json"
"""The metrics of all seeds of a run that ships."""
SOURCE = "source.json"
"""In a folder of models: whose digits they learnt from."""
WEIGHTS = "weights.safetensors"
"""The weights of a learner, in its folder."""
AGENT = "agent.json"
"""The settings of a trained agent; a seed's folder with this file holds one."""


class FileError(ValueError):
    """A file that can't be used; the sentence names it and says why."""


# Atomic writes


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: a reader finds all the old content or all the new, even after a crash.

    What killed writes left in the same folder is removed.

    Args:
        path: the file; missing folders above it are made.
        content: all of it.

    Raises:
        OSError: it can't be written; the error has its name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(path.parent.glob(".*.tmp"))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:  # a full disk's names no file, others' the temporary one
        if error.errno is not None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _remove(temporary: Iterable[Path]) -> None:
    """Remove the temporary files whose writers have died; other processes may be about to rename theirs."""
    for path in temporary:
        writer = re.fullmatch(r"\..+\.([1-9]\d*)\.tmp", path.name)
        if writer and not _lives(int(writer[1])):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    """Whether a process lives; where that can't be asked harmlessly, each does."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except PermissionError:  # another user's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically (see `write_bytes`)."""
    write_bytes(path, text.encode())


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically; NumPy scalars and arrays become numbers and lists, paths strings."""
    write_text(path, json.dumps(data, indent=2, default=plain) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: no such file.
        FileError: the file is not JSON, or nested too deep; the sentence names it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path} is not JSON that can be read ({error})") from error


def read_object(path: Path, **entries: type) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: the file.
        **entries: those that it must have, and their types; it may have others.

    Raises:
        FileNotFoundError: no such file.
        FileError: the file holds something else; the sentence names it.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise FileError(f"{path} must hold an object of JSON, not {shown(data)}")
    for name, kind in entries.items():
        if type(data.get(name)) is not kind:
            found = shown(data[name]) if name in data else "none"
            raise FileError(f"{path} must have an entry {name!r} of type {kind.__name__}, not {found}")
    return data


def plain(value: Any) -> Any:
    """Return arrays, tensors, NumPy scalars and paths as types of JSON: the `default` of `json.dumps`."""
    if hasattr(value, "tolist"):  # of NumPy and torch
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


# Weights


class WeightsError(FileError):
    """A weight file that can't be used; the sentence says why."""


@dataclass(frozen=True)
class Header:
    """The metadata of a weight file."""

    kind: str
    """Class name of what was saved."""
    settings: dict[str, Any]
    """JSON; for a learner the keyword arguments of its constructor."""
    version: str
    """Version of unknot that wrote it."""


BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""Stands for torch's bfloat16, which NumPy lacks: its bits."""
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": BFLOAT16,
    "I64": np.dtype(np.int64),
    "I32": np.dtype(np.int32),
    "I16": np.dtype(np.int16),
    "I8": np.dtype(np.int8),
    "U64": np.dtype(np.uint64),
    "U32": np.dtype(np.uint32),
    "U16": np.dtype(np.uint16),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(np.bool_),
}
"""By their names in safetensors. Others, such as fp8 and complex numbers, are neither written nor read."""


def save_weights(
    path: Path, tensors: Mapping[str, NDArray[Any]], kind: str, settings: Mapping[str, Any]
) -> None:
    """Write arrays as safetensors, atomically; the same arrays and settings give the same bytes.

    Args:
        path: the file.
        tensors: arrays by name, any shape: floating-point numbers (float16 and `BFLOAT16` included), integers
            or bools.
        kind: class name of what they belong to.
        settings: JSON kept with them.

    Raises:
        ValueError: an array of another dtype.
    """
    metadata = {
        "format": str(FORMAT),
        "version": _version(),
        "kind": kind,
        "settings": json.dumps(dict(settings), default=plain),
    }
    write_bytes(path, _packed(tensors, metadata))


def _packed(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """Return safetensors: 8 bytes of header length, the header as JSON, the arrays.

    The library's own writer takes no bfloat16 from NumPy and puts metadata in a random order.
    """
    names = {dtype: name for name, dtype in DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": metadata}
    contents, end = [], 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        dtype = tensor.dtype.newbyteorder("<")
        if dtype not in names:
            raise ValueError(f"{name} must be of numbers, as {', '.join(DTYPES)}, not {tensor.dtype}")
        contents.append(tensor.astype(dtype, copy=False).tobytes())
        begin, end = end, end + len(contents[-1])
        header[name] = {"dtype": names[dtype], "shape": tensor.shape, "data_offsets": (begin, end)}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)  # so that the arrays are aligned
    return b"".join([len(head).to_bytes(8, "little"), head, *contents])


def load_weights(path: Path, kind: str | None = None) -> tuple[dict[str, NDArray[Any]], Header]:
    """Read a weight file.

    Args:
        path: a file that `save_weights` wrote.
        kind: the class name it must have; None for any.

    Returns:
        The arrays by name, and the header.

    Raises:
        FileNotFoundError: no such file.
        WeightsError: the file is truncated, a pickle, not safetensors, or has another program, format version
            or kind, or a tensor of a dtype that isn't in `DTYPES`.
    """
    require("learn", "safetensors")
    from safetensors import SafetensorError, deserialize

    content = Path(path).read_bytes()
    contents = _contents(path, content)
    header = _header(path, contents.pop("__metadata__", None))
    if kind is not None and header.kind != kind:
        raise WeightsError(f"{path} holds the weights of {header.kind:.80}, not of {kind}")
    for name, entry in contents.items():
        _check_entry(path, name, entry)
    try:
        tensors = deserialize(content)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise WeightsError(f"{path} is truncated or damaged ({error}); copy or train it again") from error
    found = {
        name: np.frombuffer(entry["data"], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in tensors
    }
    return found, header


def _contents(path: Path, content: bytes) -> dict[str, Any]:
    """Return the header of safetensors content: 8 bytes of its length, then JSON."""
    if content[8:9] != b"{":
        if content[:1] == b"\x80" or content[:4] == b"PK\x03\x04":
            raise WeightsError(
                f"{path} is a pickle (torch.save writes such files), not safetensors; "
                "it was not opened, since opening one can run any code"
            )
        raise WeightsError(f"{path} is not a safetensors file")
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 + length:
        raise WeightsError(f"{path} is truncated: it ends inside its header; copy or train it again")
    try:
        header: dict[str, Any] = json.loads(content[8 : 8 + length])  # begins with a brace: a dict
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not a safetensors file: its header is not JSON") from error
    return header


def _check_entry(path: Path, name: str, entry: Any) -> None:
    """Refuse a tensor whose entry in the header is not of a known dtype and a finite shape."""
    entry = entry if isinstance(entry, dict) else {}
    dtype, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise WeightsError(f"{path}: tensor {name:.80} must be one of {', '.join(DTYPES)}, not {dtype!r:.40}")
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise WeightsError(f"{path}: tensor {name:.80} must have a shape of whole numbers, not {shape!r:.80}")


def _header(path: Path, metadata: Any) -> Header:
    if not isinstance(metadata, dict) or not {"format", "kind", "settings", "version"} <= metadata.keys():
        raise WeightsError(f"{path} is a safetensors file, but not one that unknot wrote")
    if not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsError(f"{path} is damaged: its metadata are not text")
    if metadata["format"] != str(FORMAT):
        raise WeightsError(
            f"{path} has format version {metadata['format']:.40} (of unknot {metadata['version']:.40}); "
            f"this is unknot {_version()}, which reads version {FORMAT}"
        )
    try:
        settings = json.loads(metadata["settings"])
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is damaged: its settings are not JSON") from error
    if not isinstance(settings, dict):
        raise WeightsError(f"{path} is damaged: its settings must be a JSON object, not {settings!r:.40}")
    return Header(metadata["kind"], settings, metadata["version"])


def _version() -> str:
    try:
        return version("unknot")
    except PackageNotFoundError:
        return "unknown"


def create_folder(path: Path, *, resume: bool = False) -> Path:
    """Make the folder of a run, or take an existing one.

    Args:
        path: the folder.
        resume: take an existing folder, and remove what killed writes left in it.

    Raises:
        FileExistsError: it exists, is not empty, and `resume` is False; nothing in it was touched.
        NotADirectoryError: there is a file where a folder must be.
    """
    for place in path.parents:
        if place.is_file():
            raise NotADirectoryError(f"{place} is a file: name another folder (--out)")
    if path.exists() and not resume and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path} exists already: resume it (--resume) or name another folder (--out)")
    path.mkdir(parents=True, exist_ok=True)
    _remove(path.rglob(".*.tmp"))
    return path
