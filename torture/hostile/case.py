"""Run cases of hostile files, each in a forked process with limits on its time and memory."""

import importlib
import multiprocessing
import os
import re
import resource
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from torture.report import Report
from unknot.progress import announce
from unknot.report import Table

KINDS = ("weights", "runs", "meshes", "urdf", "images", "shards", "offline", "digits")
"""Modules of this package, each with `cases() -> Iterable[Case]`."""
SECONDS = 20
"""How long a case may take, unless it says otherwise."""
MEMORY = 4 * 2**30
"""Bytes of address space that a case may add to what its process starts with."""
EVERY = 8
"""The quick attack takes every EVERYth case of a kind."""
REFUSALS = (ValueError, OSError)
"""What a refused file raises (`FileError` and `WeightsError` are ValueErrors)."""


Change = Callable[[bytes], bytes]
"""What damages the content of a file."""


@dataclass(frozen=True)
class Case:
    """A hostile file, or one that looks so and must be read."""

    name: str
    """What is wrong with the file: "a flat sheet"."""
    make: Callable[[Path], Path]
    """Writes the file (or a folder of files) into an empty folder, and returns its path."""
    read: Callable[[Path], object]
    """Gives that path to unknot; raises AssertionError where the file is read, but read wrong."""
    refused: bool = True
    """Whether `read` must raise a ValueError or OSError that names the file; else it must succeed."""
    seconds: float = SECONDS


def attack(quick: bool) -> Report:
    """Try every case of every kind; quick: every `EVERY`th."""
    rows, failures = [], []
    for kind in KINDS:
        announce(f"hostile files: {kind}")
        cases = list(importlib.import_module(f"torture.hostile.{kind}").cases())[:: EVERY if quick else 1]
        outcomes = Counter[str]()
        for case in cases:
            outcome, sentence = outcome_of(case)
            outcomes[outcome] += 1
            if outcome not in ("refused", "read"):
                failures.append(f"{kind}: {case.name}: {outcome}: {sentence}")
        wrong = len(cases) - outcomes["refused"] - outcomes["read"]
        rows.append((kind, *map(str, (len(cases), outcomes["refused"], outcomes["read"], wrong))))
    columns = ("files", "cases", "refused by name", "read right", "wrong")
    return Report(Table("Hostile files", columns, tuple(rows)), tuple(failures))


def outcome_of(case: Case) -> tuple[str, str]:
    """Try a case: "refused" and "read" are as they should be, everything else is a failure."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_try, args=(case, send))
    process.start()
    send.close()
    try:
        outcome = receive.recv() if receive.poll(case.seconds) else ("hangs", f"over {case.seconds:g} s")
    except EOFError:
        process.join()
        outcome = ("dies", f"exit code {process.exitcode}")
    process.kill()
    process.join()
    return outcome


def _try(case: Case, send: Connection) -> None:
    os.setpgrp()
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        path = case.make(Path(folder))
        try:
            case.read(path)
        except REFUSALS as error:
            send.send(_judge(case, path, error))
        except BaseException as error:
            send.send(("traceback", f"{type(error).__name__}: {error}"))
        else:
            send.send(("accepted", "must be refused") if case.refused else ("read", ""))


def _judge(case: Case, path: Path, error: Exception) -> tuple[str, str]:
    sentence = str(error)
    if not case.refused:
        return "refused wrongly", sentence
    named = path.name in sentence or any(inner.name in sentence for inner in _inside(path))
    if not named or len(sentence) > 600 or not re.search(r"[a-z]{2,} [a-z]", sentence):
        return "no sentence", sentence
    return "refused", sentence


def _inside(path: Path) -> Iterator[Path]:
    return path.rglob("*") if path.is_dir() else iter(())


def changed(folder: Path, write: Callable[[Path], Path], change: Change) -> Path:
    """Write a file and damage it."""
    path = write(folder)
    path.write_bytes(change(path.read_bytes()))
    return path


def corrupted(content: bytes, positions: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Flip every bit of the byte at each position."""
    for position in positions:
        yield position, content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
