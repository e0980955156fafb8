"""Sentences of help pages in three languages, from packages of Debian as small as can be."""

import hashlib
import io
import lzma
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unknot.cli import main
from unknot.files import FileError
from unknot.models.data import help_pages
from unknot.models.data.debian import DebianRelease, debian_release
from unknot.models.data.help_pages import aligned_sentences, read_help_pages
from unknot.models.data.trilingual import trilingual_sentences


def package(**files: str) -> bytes:
    """Return a package of files; in their names __ is a slash."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"./usr/share/{name.replace('__', '/')}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return (
        b"!<arch>\n"
        + member("debian-binary", b"2.0")
        + member("data.tar.xz", lzma.compress(packed.getvalue()))
    )


def member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)


def office(place: str, *paragraphs: str) -> bytes:
    lines = [f'<p id="par_{k}" class="x">{text}</p>' for k, text in enumerate(paragraphs)]
    return package(**{f"libreoffice__help__{place}__text__a.html": "\n".join(lines)})


def gnome(**paragraphs: str) -> bytes:
    page = '<page xmlns="http://projectmallard.org/1.0/"><p>{}</p></page>'
    return package(**{f"help__{place}__g__a.page": page.format(text) for place, text in paragraphs.items()})


PACKAGES = (
    office("en-US", "Opens <b>a</b> dialog. See &amp; choose it.", "Same in all.", "One. Two sentences."),
    office("de", "Öffnet einen Dialog. Sehen &amp; wählen.", "Same in all.", "Nur einer hier."),
    office("fr", "Ouvre une boîte. Voir &amp; choisir.", "Same in all.", "Un seul ici."),
    gnome(C="Press <k>the\n key</k>.", de="Drücken Sie die Taste.", fr="Appuyez sur la touche."),
)
SENTENCES = [
    ("Opens a dialog.", "Öffnet einen Dialog.", "Ouvre une boîte."),
    ("See & choose it.", "Sehen & wählen.", "Voir & choisir."),
    ("Press the key.", "Drücken Sie die Taste.", "Appuyez sur la touche."),
]
Offer = Callable[..., list[DebianRelease]]


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """An apt that downloads these packages, which are the wanted ones."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    def put(*contents: bytes) -> list[DebianRelease]:
        old = [*help_pages.OFFICE.values(), help_pages.GNOME]
        new = [
            replace(release, sha256=hashlib.sha256(content).hexdigest())
            for release, content in zip(old, contents, strict=True)
        ]
        files = dict(zip((f"{each.project}={each.version}" for each in new), contents, strict=True))

        def download(words: list[str], cwd: str, **_: Any) -> Any:
            (Path(cwd) / "a.deb").write_bytes(files[words[-1]])
            return subprocess.CompletedProcess(words, 0, "", "")

        monkeypatch.setattr("subprocess.run", download)
        monkeypatch.setattr(help_pages, "OFFICE", dict(zip(help_pages.OFFICE, new[:-1], strict=True)))
        monkeypatch.setattr(help_pages, "GNOME", new[-1])
        return new

    return put


def test_help_pages_are_fetched_once_and_read(
    offer: Offer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = offer(*PACKAGES)
    with pytest.raises(FileNotFoundError, match="run `unknot fetch parallel`"):
        list(read_help_pages())
    main(["fetch", "parallel"])
    assert str(releases[0].path.parent) in capsys.readouterr().out.replace("\n", "")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("fetched again"))
    main(["fetch", "parallel"])
    assert list(read_help_pages()) == SENTENCES
    releases[2].path.write_bytes(b"else")
    with pytest.raises(FileError, match=r"help-fr.*is damaged or another file: `unknot fetch parallel`"):
        list(read_help_pages())


def test_a_package_that_is_not_the_wanted_one_is_not_kept(
    offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (release, *_) = offer(*PACKAGES)
    with pytest.raises(FileError, match=r"has SHA-256 .*, not 000.*it was not kept"):
        replace(release, sha256="0" * 64).fetch()
    failed = subprocess.CompletedProcess([], 100, "", "W: a warning\nE: no such version\n")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: failed)
    with pytest.raises(
        FileError, match=r"apt-get could not download .* \(E: no such version\); get libre.*put it at"
    ):
        release.fetch()
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(FileError, match=r"no apt-get to download .*; get libreoffice-help-en-us_7\.4\.7"):
        release.fetch()
    assert not release.path.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive", "no archive of ar"),
        (b"!<arch>\n" + member("control.tar.xz", b""), r"it has no data\.tar\.xz"),
        (b"!<arch>\n" + member("data.tar.xz", b"no xz"), "or damaged"),
        (PACKAGES[0][:-40], "or damaged"),
    ],
    ids=["no ar", "no data", "no xz", "cut"],
)
def test_a_damaged_package_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    release = debian_release("a", "2:1.0-1", hashlib.sha256(content).hexdigest(), "unknot fetch parallel")
    release.path.parent.mkdir(parents=True)
    release.path.write_bytes(content)
    assert release.path.name == "a_1.0-1_all.deb"
    with pytest.raises(FileError, match=rf"a_1\.0-1_all\.deb, a package of Debian.*{reason}"):
        list(release.members("usr/"))


def test_a_page_that_is_no_xml_is_named(offer: Offer) -> None:
    offer(*PACKAGES[:3], gnome(C="<", de="a", fr="b"))
    help_pages.fetch_help_pages()
    with pytest.raises(FileError, match=r"gnome-user-docs_43\.0-2_all\.deb, with pages in XML"):
        list(read_help_pages())


def test_sentences_stay_in_step() -> None:
    paragraphs = [
        ("This is one. And this is two.", "Das ist eins. Das ist zwei.", "Un seul."),
        ("This is one. And this is two?", "Das ist eins. Das ist zwei?", "En voici un. En voici deux ?"),
        ("without a capital.", "klein.", "petit."),
        ("Without a mark", "Ohne", "Sans"),
        ("Not translated.", "Not translated.", "Pas traduit."),
        ("Short.", "Kurz.", "Court."),
    ]
    assert list(aligned_sentences(paragraphs)) == [
        ("This is one.", "Das ist eins.", "En voici un."),
        ("And this is two?", "Das ist zwei?", "En voici deux ?"),
    ]


def test_the_small_grammar_tags_every_word_and_mark() -> None:
    sentences = trilingual_sentences(500, 0)
    assert sentences == trilingual_sentences(500, 0)
    assert len(set(sentences)) > 200
    for english, german, french, tags in sentences:
        assert len(english[:-1].split()) + 1 == len(tags.split())
        assert german[-1] == french[-1] == english[-1]
    assert ("The dog waits here.", "Der Hund wartet hier.", "Le chien attend ici.", "DT NN VBZ RB .") in (
        trilingual_sentences(20_000, 1)
    )
    with pytest.raises(ValueError, match="n must be at least 1"):
        trilingual_sentences(0, 0)


@pytest.mark.slow  # reads four packages
@pytest.mark.skipif(
    not help_pages.GNOME.path.exists(), reason="the pages are not on this machine: unknot fetch parallel"
)
def test_the_fetched_pages_have_their_sentences() -> None:
    assert sum(1 for _ in read_help_pages()) == 28_399
