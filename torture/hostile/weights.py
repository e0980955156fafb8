"""Weight files: damaged headers, settings of absurd sizes, tensors of other shapes and numbers."""

import importlib.resources
import json
import pickle
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torture.hostile.case import Case, changed
from unknot.files import WeightsError, load_weights, save_weights
from unknot.models.image.vae import VAE
from unknot.representation import Trainable, load_learner, minibatches, save_learner, train
from unknot.representation.training import CHECKPOINT

SETTINGS: dict[str, Any] = {"shape": (8, 8, 1), "latent_dim": 3, "width": 2, "hidden": 4, "network": "dense"}
WEIGHT = "decoder.0.weight"
"""A tensor of the learner whose file is damaged."""
HUGE = 10**12

Edit = Callable[[dict[str, Any]], object]
"""Changes the header of a file in place."""


def cases() -> Iterable[Case]:
    """Return the cases."""
    yield from _contents()
    yield from _headers()
    yield from _settings()
    yield from _numbers()
    yield from _checkpoints()
    folder = Path(str(importlib.resources.files("unknot.pretrained")))
    shipped = {load_weights(path)[1].kind: path for path in sorted(folder.rglob("*.safetensors"))}
    for kind, path in shipped.items():
        yield Case(f"each size of {kind} is {HUGE}", partial(_copy, path), _load_with_huge_sizes, False)


def _contents() -> Iterator[Case]:
    """Yield files that are no safetensors, or parts of one."""
    contents: dict[str, Callable[[bytes], bytes]] = {
        "no bytes": lambda whole: b"",
        "text": lambda whole: b"weights",
        "zeros": lambda whole: bytes(1000),
        "a header alone": lambda whole: whole[: _length(whole)],
        "a header cut off": lambda whole: whole[:100],
        "a tensor cut off": lambda whole: whole[:-1],
        "bytes too many": lambda whole: whole + b"x",
        "a header of 2**40 bytes": lambda whole: (2**40).to_bytes(8, "little") + whole[8:],
        "a header of 2**64 - 1 bytes": lambda whole: b"\xff" * 8 + whole[8:],
        "a header of no bytes": lambda whole: bytes(8) + whole[8:],
        "a header that is no JSON": lambda whole: whole[:8] + b"{" * (_length(whole) - 8),
        "a header of other bytes than UTF-8": lambda whole: whole[:9] + b"\xff" + whole[10:],
        "a byte order mark": lambda whole: b"\xef\xbb\xbf" + whole,
        "a header nested deep": lambda whole: _framed(b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
        "a pickle": lambda whole: pickle.dumps([1.0]),
        "an archive": lambda whole: b"PK\x03\x04" + whole,
    }
    for name, change in contents.items():
        yield Case(name, partial(changed, write=_save, change=change), _load)
    yield Case("no file", lambda folder: folder / "weights.safetensors", _load)
    yield Case("an empty folder", lambda folder: folder, _load)
    yield Case("spaces behind the header", partial(_edit, edit=lambda header: None), _load, False)


def _headers() -> Iterator[Case]:
    """Yield files whose headers say something else than their bytes."""
    values: dict[str, tuple[Any, ...]] = {
        "dtype": ("F8_E4M3", "F8_E5M2", "C64", "I32", "U32", "F64", "F16", "F99", 5, None, ["F32"]),
        "shape": ([], [HUGE, HUGE], [float("inf")], [2**70], [-4, -3], [4.0, 3.0], "43", None, [[4, 3]],
                  [3, 4], [4, 3, 1], [12]),
        "data_offsets": ([0, 10**6], [-1, 47], [48, 0], [0], None, [0.0, 48.0]),
    }  # fmt: skip
    for key, wrong in values.items():
        for value in wrong:
            edit = partial(_set, (WEIGHT, key), value)
            yield Case(f"{key} {value}", partial(_edit, edit=edit), _load)
    texts: dict[str, tuple[Any, ...]] = {
        "format": ("99", "1.0", 1),
        "kind": ("", "vae", "os.system", "Path", "PCA", "VAE" * 1000, ["VAE"]),
        "settings": ("", "[]", "3", "[" * 10**5, '{"a":' * 10**5, '[["shape", 3]]', "1" * 10**4, {}),
        "version": ({},),
    }
    for key, wrong in texts.items():
        for value in wrong:
            edit = partial(_set, ("__metadata__", key), value)
            yield Case(f"{key} {str(value)[:12]}", partial(_edit, edit=edit), _load)
    yield Case("no metadata", partial(_edit, edit=lambda header: header.pop("__metadata__")), _load)
    yield Case("a tensor less", partial(_edit, edit=lambda header: header.pop(WEIGHT)), _load)
    yield Case("a tensor that is a number", partial(_edit, edit=partial(_set, (WEIGHT,), 3)), _load)
    other = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    for name in ("other", "x" * 10**5, "\x00"):
        yield Case(f"tensor {name[:9]!r} more", partial(_edit, edit=partial(_set, (name,), other)), _load)


def _settings() -> Iterator[Case]:
    """Yield files whose settings are nonsense, or don't fit the tensors."""
    values: dict[str, tuple[Any, ...]] = {
        "shape": ([], "abc", None, [8, 8], [8, 8, HUGE], [-8, 8, 1], [8.5, 8, 1]),
        "latent_dim": (0, -1, HUGE, 10**30, "3", float("nan"), float("inf"), [3]),
        "hidden": (HUGE, True, {}),
        "network": ("none", 3),
        "unheard_of": (1,),
    }
    for key, wrong in values.items():
        for value in wrong:
            edit = partial(_set_setting, key, value)
            yield Case(f"{key}={value}", partial(_edit, edit=edit), _load)
    layers = "FactorVAE with 10**12 layers"
    yield Case(layers, partial(_edit, edit=partial(_set_kind, "FactorVAE", discriminator_layers=HUGE)), _load)


def _numbers() -> Iterator[Case]:
    """Yield files with weights that are no numbers, or of other kinds."""
    for value in (np.nan, np.inf, -np.inf):
        for dtype in (torch.float32, torch.bfloat16):
            make = partial(_save_with, value=value, dtype=dtype)
            yield Case(f"a weight of {value} in {dtype}", make, _load)
    for wrong in (np.int32, np.uint8, np.bool_):
        yield Case(f"all tensors of {wrong.__name__}", partial(_save_as, dtype=wrong), _load)
    for dtype in (torch.bfloat16, torch.float64):
        read = partial(_load_of, dtype=dtype)
        yield Case(f"weights of {dtype}", partial(_save_with, value=1.5, dtype=dtype), read, False)
    yield Case("weights stored as half", _save_half, partial(_load_of, dtype=torch.float32), False)


def _checkpoints() -> Iterator[Case]:
    """Yield checkpoints that can't be resumed."""
    text = json.dumps
    wrong: dict[str, tuple[tuple[str, ...], Any]] = {
        "settings alone": (("__metadata__", "settings"), text({})),
        "nothing but a learner": (
            ("__metadata__", "settings"),
            text({"learner": VAE(**SETTINGS).settings()}),
        ),
        "another learner": (("__metadata__", "settings"), text({"learner": {}})),
        "another class": (("__metadata__", "kind"), "PCA"),
        "weights of integers": ((f"learner/{WEIGHT}", "dtype"), "I32"),
        "averages of integers": (("optimizer/adam/0/exp_avg", "shape"), [1, 1]),
        "a random state of integers": (("random/cpu", "dtype"), "I8"),
    }
    for name, (keys, value) in wrong.items():
        make = partial(_edit, edit=partial(_set, keys, value), save=_save_checkpoint)
        yield Case(f"a checkpoint with {name}", make, _resume)
    yield Case("a checkpoint as it is written", _save_checkpoint, _resume, False)


def _train(folder: Path, steps: int) -> None:
    torch.set_num_threads(1)
    images = torch.zeros(2, 8, 8, 1, dtype=torch.uint8)
    batch_at = minibatches({"observation": images}, 2, seed=0)
    train(VAE(**SETTINGS), batch_at, steps, folder=folder, resume=True, progress=False)


def _save_checkpoint(folder: Path) -> Path:
    _train(folder, 1)
    return folder / CHECKPOINT


def _resume(path: Path) -> None:
    _train(path.parent, 2)


def _load(path: Path) -> None:
    torch.set_num_threads(1)  # other threads don't survive a fork
    load_learner(path, kind=Trainable)


def _load_of(path: Path, dtype: torch.dtype) -> None:
    torch.set_num_threads(1)
    found = load_learner(path, kind=VAE).state_dict()
    assert found[WEIGHT].dtype == dtype
    assert float(found[WEIGHT][0, 0]) == 1.5


def _load_with_huge_sizes(path: Path) -> None:
    """Load a file with each of its whole numbers, or the first of a list, replaced."""
    settings = load_weights(path)[1].settings
    for key, value in settings.items():
        first = isinstance(value, list) and value and type(value[0]) is int
        if type(value) is int or first:
            huge = [HUGE, *value[1:]] if first else HUGE
            copy = _edited(path, path.with_name(f"{key}.safetensors"), partial(_set_setting, key, huge))
            try:
                _load(copy)
            except WeightsError as error:  # other numbers, such as one of steps, fit the tensors
                if copy.name not in str(error):
                    raise


def _save(folder: Path) -> Path:
    path = folder / "weights.safetensors"
    save_learner(VAE(**SETTINGS), path)
    return path


def _save_with(folder: Path, value: float, dtype: torch.dtype) -> Path:
    torch.set_num_threads(1)
    learner = VAE(**SETTINGS).to(dtype)
    learner.state_dict()[WEIGHT][0, 0] = value
    path = folder / "weights.safetensors"
    save_learner(learner, path)
    return path


def _save_half(folder: Path) -> Path:
    learner = VAE(**SETTINGS)
    learner.state_dict()[WEIGHT][0, 0] = 1.5
    save_learner(learner, folder / "weights.safetensors", half=True)
    return folder / "weights.safetensors"


def _save_as(folder: Path, dtype: type[np.generic]) -> Path:
    path = _save(folder)
    tensors, header = load_weights(path)
    save_weights(path, {n: a.astype(dtype) for n, a in tensors.items()}, header.kind, header.settings)
    return path


def _copy(shipped: Path, folder: Path) -> Path:
    path = folder / "weights.safetensors"
    path.write_bytes(shipped.read_bytes())
    return path


def _edit(folder: Path, edit: Edit, save: Callable[[Path], Path] = _save) -> Path:
    path = save(folder)
    return _edited(path, path, edit)


def _edited(path: Path, copy: Path, edit: Edit) -> Path:
    content = path.read_bytes()
    header = json.loads(content[8 : _length(content)])
    edit(header)
    copy.write_bytes(_framed(json.dumps(header).encode() + b" " * 7) + content[_length(content) :])
    return copy


def _set(keys: tuple[str, ...], value: Any, header: dict[str, Any]) -> None:
    *above, last = keys
    for key in above:
        header = header[key]
    header[last] = value


def _set_setting(key: str, value: Any, header: dict[str, Any]) -> None:
    settings = json.loads(header["__metadata__"]["settings"]) | {key: value}
    header["__metadata__"]["settings"] = json.dumps(settings)


def _set_kind(kind: str, header: dict[str, Any], **settings: Any) -> None:
    header["__metadata__"] |= {"kind": kind, "settings": json.dumps(settings)}


def _framed(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


def _length(content: bytes) -> int:
    """Return where the header ends."""
    return 8 + int.from_bytes(content[:8], "little")
