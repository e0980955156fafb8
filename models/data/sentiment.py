"""Sentences with sentiment from a user's files: Yelp's, film snippets, products. Nothing is downloaded."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unknot.archives import damage_named
from unknot.checks import one_of
from unknot.files import FileError
from unknot.models.data.lines import find_file, read_lines

__all__ = [
    "LabelledSentences",
    "Rewrites",
    "read_product_sentences",
    "read_rt_polarity",
    "read_yelp",
    "read_yelp_rewrites",
]

SPLITS = ("train", "dev", "test")
PRODUCTS = "a file of fine-grained sentiment"
PRODUCT_LABELS = ("neg", "pos", "neu", "mix", "nr")
LARGEST = 20_000_000
"""Bytes of a file of rewrites, at most; published ones have under 100,000."""


@dataclass(frozen=True)
class LabelledSentences:
    """Sentences and what is known of each."""

    sentences: list[str]
    labels: NDArray[np.int64]
    """(n,): 0 negative, 1 positive."""
    topics: tuple[str, ...] = ()
    """What each is about, where that is known."""

    def without(self, others: set[str]) -> "LabelledSentences":
        """Return those that are not among some others, such as sentences held out."""
        rows = [k for k, sentence in enumerate(self.sentences) if sentence not in others]
        topics = tuple(self.topics[k] for k in rows) if self.topics else ()
        return LabelledSentences([self.sentences[k] for k in rows], self.labels[rows], topics)


def read_yelp(folder: str | Path, *splits: str) -> LabelledSentences:
    """Read Yelp's reviews, a sentence a line, as Shen et al. (2017) published them.

    Args:
        folder: with files such as sentiment.dev.0, or yelp.dev.0, plain or as .gz; 0 is negative.
        *splits: some of "train", "dev" and "test", one after the other.

    Raises:
        FileNotFoundError: a file is missing.
        FileError: a file is not of sentences; it is named.
        ValueError: no split, or an unknown one.
    """
    if not splits:
        raise ValueError("splits must be at least one of 'train', 'dev' and 'test'")
    for split in splits:
        one_of("split", split, SPLITS)
    kinds = [(split, label) for split in splits for label in (0, 1)]
    paths = [
        find_file(folder, *(f"{stem}.{s}.{label}" for stem in ("sentiment", "yelp"))) for s, label in kinds
    ]
    return _labelled((path, label) for path, (_, label) in zip(paths, kinds, strict=True))


def read_rt_polarity(folder: str | Path) -> LabelledSentences:
    """Read the film snippets of Pang and Lee (2005): rt-polarity.neg and rt-polarity.pos, in Latin-1.

    Raises:
        FileNotFoundError: a file is missing.
        FileError: a file is not of sentences; it is named.
    """
    names = ("rt-polarity.neg", "rt-polarity.pos")
    return _labelled(((find_file(folder, name), label) for label, name in enumerate(names)), "latin-1")


def _labelled(files: Iterator[tuple[Path, int]], encoding: str = "utf-8") -> LabelledSentences:
    sentences: list[str] = []
    labels: list[int] = []
    for path, label in files:
        found = [line for line in read_lines(path, "a file of sentences", encoding) if line]
        sentences += found
        labels += [label] * len(found)
    return LabelledSentences(sentences, np.array(labels, np.int64))


def read_product_sentences(folder: str | Path) -> LabelledSentences:
    """Read the product reviews of Täckström and McDonald (2011): [tackstrom-]finegrained.txt, or as .gz.

    Sentences that are neither positive nor negative are left out. Topics: books, dvds, electronics, music,
    videogames.

    Raises:
        FileNotFoundError: the file is missing.
        FileError: it is another file; it is named.
    """
    path = find_file(folder, "finegrained.txt", "tackstrom-finegrained.txt")
    sentences, labels, topics, topic = [], [], [], ""
    for line in read_lines(path, PRODUCTS):
        label, tab, sentence = line.partition("\t")
        if (
            tab and sentence.isdigit() and label not in PRODUCT_LABELS
        ):  # begins a review: its topic, its number
            topic = label
        elif label in PRODUCT_LABELS and tab and topic:
            if label in ("neg", "pos"):
                sentences.append(sentence)
                labels.append(int(label == "pos"))
                topics.append(topic)
        elif line and (tab or "_" not in line):
            raise FileError(f"{path} is not {PRODUCTS}: it has the line {line[:80]!r}")
    if not sentences:
        raise FileError(f"{path} is not {PRODUCTS}: it has no positive or negative sentence")
    return LabelledSentences(sentences, np.array(labels, np.int64), tuple(topics))


@dataclass(frozen=True)
class Rewrites:
    """Sentences of Yelp's test set, and what people and systems made of each to turn its sentiment."""

    originals: LabelledSentences
    """Negative ones first."""
    references: list[list[str]]
    """Those of four people, each (n,)."""
    outputs: dict[str, list[str]]
    """Those of systems, each (n,), by name."""


def read_yelp_rewrites(path: str | Path) -> Rewrites:
    """Read the 1,000 sentences that have references, and published outputs, as Luo et al. (2019) have them.

    Args:
        path: the folder of their repository, its .tar.gz, or a folder with one such archive. It has
            data/yelp/test.LABEL, references/yelp/referenceK.LABEL and, tab and output after each original,
            outputs/yelp/SYSTEM/test.LABEL-OTHER.tsf. In outputs/yelp, or beside the archive, can be outputs
            alone, output.LABEL.SYSTEM, as Dai et al. (2019, StyleTransformer) publish theirs.

    Raises:
        FileNotFoundError: no such files.
        FileError: files are damaged, or have different numbers of lines.
    """
    files = _rewrite_files(Path(path))
    originals = [files.get(f"data/yelp/test.{label}", []) for label in (0, 1)]
    sizes = list(map(len, originals))
    if not all(sizes):
        raise FileNotFoundError(f"{path} lacks data/yelp/test.0 and data/yelp/test.1")

    def both(first: str, second: str) -> list[str]:
        parts = [files.get(name, []) for name in (first, second)]
        if list(map(len, parts)) != sizes:
            raise FileError(
                f"{path}: {first} and {second} must have {sizes} lines, not {list(map(len, parts))}"
            )
        return [line.rpartition("\t")[2].strip() for part in parts for line in part]

    references = [
        both(f"references/yelp/reference{k}.0", f"references/yelp/reference{k}.1") for k in range(4)
    ]
    folders = {name.split("/")[2] for name in files if name.endswith(".tsf")}
    outputs = {
        name: both(f"outputs/yelp/{name}/test.0-1.tsf", f"outputs/yelp/{name}/test.1-0.tsf")
        for name in sorted(folders)
    }
    first = "outputs/yelp/output.0."
    for name in sorted(name for name in files if name.startswith(first)):
        system = name.removeprefix(first)
        outputs[system] = both(name, f"outputs/yelp/output.1.{system}")
    labels = np.repeat(np.arange(2), sizes)
    return Rewrites(LabelledSentences(originals[0] + originals[1], labels), references, outputs)


def _rewrite_files(path: Path) -> dict[str, list[str]]:
    """Return the lines of the files by their names below the repository's folder."""
    archives = sorted(path.glob("*.tar.gz")) if path.is_dir() else [path]
    if path.is_dir() and (path / "data").is_dir():
        found = [
            each for part in ("data", "references", "outputs") for each in (path / part).glob("yelp/**/*")
        ]
        return {
            each.relative_to(path).as_posix(): _lines(each.read_bytes())
            for each in found
            if each.is_file() and each.stat().st_size <= LARGEST
        }
    if len(archives) != 1:
        raise FileNotFoundError(f"{path} has neither a folder data nor one .tar.gz")
    with damage_named(archives[0], "an archive of rewrites"), tarfile.open(archives[0], "r:gz") as archive:
        files = {}
        for member in archive:
            content = archive.extractfile(member) if member.isfile() and member.size <= LARGEST else None
            if content is not None:
                files[member.name.removeprefix("./")] = _lines(content.read())
    beside = path.glob("output.[01].*") if path.is_dir() else ()
    return files | {f"outputs/yelp/{each.name}": _lines(each.read_bytes()) for each in beside}


def _lines(content: bytes) -> list[str]:
    """Return lines; a few bytes of the published references are no UTF-8."""
    return [line.strip() for line in content.decode(errors="replace").split("\n") if line.strip()]
