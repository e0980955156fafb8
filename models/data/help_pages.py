"""Sentences in English, German and French from the help of LibreOffice and of GNOME, aligned by paragraph.

`unknot fetch parallel` gets four packages of Debian 12 with the pages: LibreOffice's (MPL 2.0) and GNOME's
(CC BY-SA 3.0). They are opened in memory and never installed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

from unknot.archives import damage_named
from unknot.models.data.debian import DebianRelease, debian_release

__all__ = ["LANGUAGES", "aligned_sentences", "fetch_help_pages", "read_help_pages"]

LANGUAGES = ("en", "de", "fr")
COMMAND = "unknot fetch parallel"
OFFICE_VERSION = "4:7.4.7-1+deb12u14"
OFFICE: dict[str, DebianRelease] = {
    place: debian_release(f"libreoffice-help-{place.lower()}", OFFICE_VERSION, sha256, COMMAND)
    for place, sha256 in {
        "en-US": "8faa840285734d6cfe1ed25537b48f07e74bd6412e3917bf8e5f8a653f7b3712",
        "de": "00490b63c509ac96f7f212d6a6e40452d3e0d1f97ccf4b824dd5ec4c01e8277f",
        "fr": "c796530d3e95af1ea4d054076682efc8aad2b569ae9513f3d4a776b2df3fd206",
    }.items()
}
"""LibreOffice's help, by the folder of its pages."""
GNOME: DebianRelease = debian_release(
    "gnome-user-docs", "43.0-2", "0d635a840747958ca84da778b40d341f1155603851f922c9a171f5a181d6a39f", COMMAND
)

PARAGRAPH = re.compile(r'<p\b[^>]*?\bid="([^"]+)"[^>]*>(.*?)</p>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")
BETWEEN = re.compile(r"(?<=[.!?])\s+(?=[^a-z\s])")
"""What is between two sentences."""
SHORTEST = 10
"""Characters of an English sentence, at least."""

Texts = dict[tuple[str, ...], str]
"""Paragraphs by page and place."""


def fetch_help_pages() -> Path:
    """Fetch the packages, once; return the folder that has them.

    Raises:
        FileError: a package can't be had; nothing of it is kept.
    """
    return [release.fetch() for release in (*OFFICE.values(), GNOME)][-1].parent


def read_help_pages() -> Iterator[tuple[str, str, str]]:
    """Yield different sentences in English, German and French, as `unknot fetch parallel` got them.

    Raises:
        FileNotFoundError: they have not been fetched.
        FileError: a package is damaged, or another one.
    """
    office = [_office_texts(release, place) for place, release in OFFICE.items()]
    seen: set[str] = set()
    for english, german, french in (office, _gnome_texts()):
        paragraphs = (
            (text, german[key], french[key])
            for key, text in english.items()
            if key in german and key in french
        )
        for sentences in aligned_sentences(paragraphs):
            if sentences[0] not in seen:
                seen.add(sentences[0])
                yield sentences


def aligned_sentences(paragraphs: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    """Yield the sentences of paragraphs that have as many sentences in each of three languages.

    Left out are sentences without a capital at the beginning or a mark at the end of the English, and those
    that are the same in two languages, as they were not translated.
    """
    for paragraph in paragraphs:
        parts = [BETWEEN.split(text) for text in paragraph]
        if len({len(part) for part in parts}) == 1:
            for english, german, french in zip(*parts, strict=True):
                whole = len(english) >= SHORTEST and english[0].isupper() and english[-1] in ".!?"
                if whole and len({english, german, french}) == len(LANGUAGES):
                    yield english, german, french


def _office_texts(release: DebianRelease, place: str) -> Texts:
    """Return the paragraphs of LibreOffice's pages; the same id may be on a page more than once."""
    folder = f"usr/share/libreoffice/help/{place}/text/"
    texts: Texts = {}
    for name, content in release.members(folder):
        times = Counter[str]()
        page = content.decode(errors="replace") if name.endswith(".html") else ""
        for mark, inside in PARAGRAPH.findall(page):
            times[mark] += 1
            key = (name.removeprefix(folder), mark, str(times[mark]))
            texts[key] = " ".join(unescape(TAG.sub("", inside)).split())
    return texts


def _gnome_texts() -> list[Texts]:
    """Return the paragraphs of GNOME's pages in each language, numbered; a page has as many in each."""
    folders = [f"usr/share/help/{place}/" for place in ("C", "de", "fr")]
    texts: list[Texts] = [{} for _ in folders]
    with damage_named(GNOME.path, f"{GNOME.file}, with pages in XML"):
        for name, content in GNOME.members(*folders):
            which = next(k for k, folder in enumerate(folders) if name.startswith(folder))
            page = name.removeprefix(folders[which])
            if page.endswith(".page"):
                found = ElementTree.fromstring(content).iter("{http://projectmallard.org/1.0/}p")
                lines = [" ".join("".join(each.itertext()).split()) for each in found]
                texts[which] |= {(page, str(len(lines)), str(k)): line for k, line in enumerate(lines)}
    return texts
