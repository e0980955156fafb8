"""A small grammar of sentences in English, German and French with their parts of speech, for small trials.

Its nouns are masculine in German and in French, so that articles and endings are few.
"""

import numpy as np

from unknot.checks import count

__all__ = ["trilingual_sentences"]

Words = tuple[tuple[str, str, str], ...]

NOUNS: Words = (
    ("dog", "Hund", "chien"),
    ("father", "Vater", "père"),
    ("king", "König", "roi"),
    ("teacher", "Lehrer", "professeur"),
    ("baker", "Bäcker", "boulanger"),
    ("doctor", "Arzt", "médecin"),
    ("hat", "Hut", "chapeau"),
    ("train", "Zug", "train"),
)
TRANSITIVE: Words = (
    ("sees", "sieht", "voit"),
    ("finds", "findet", "trouve"),
    ("paints", "malt", "peint"),
    ("calls", "ruft", "appelle"),
    ("carries", "trägt", "porte"),
)
INTRANSITIVE: Words = (
    ("sleeps", "schläft", "dort"),
    ("laughs", "lacht", "rit"),
    ("waits", "wartet", "attend"),
    ("works", "arbeitet", "travaille"),
)
ADJECTIVES: Words = (
    ("big", "groß", "grand"),
    ("small", "klein", "petit"),
    ("young", "jung", "jeune"),
    ("bad", "schlecht", "mauvais"),
)
ADVERBS: Words = (
    ("here", "hier", "ici"),
    ("often", "oft", "souvent"),
    ("now", "jetzt", "maintenant"),
)
KINDS = {"N": NOUNS, "M": NOUNS, "T": TRANSITIVE, "I": INTRANSITIVE, "A": ADJECTIVES, "D": ADVERBS}
FRAMES = (
    ("The {N} is {A}.", "Der {N} ist {A}.", "Le {N} est {A}.", "DT NN VBZ JJ ."),
    ("The {N} {I}.", "Der {N} {I}.", "Le {N} {I}.", "DT NN VBZ ."),
    ("The {N} {I} {D}.", "Der {N} {I} {D}.", "Le {N} {I} {D}.", "DT NN VBZ RB ."),
    ("The {N} {T} a {M}.", "Der {N} {T} einen {M}.", "Le {N} {T} un {M}.", "DT NN VBZ DT NN ."),
    (
        "The {A} {N} {T} the {M}.",
        "Der {A}e {N} {T} den {M}.",
        "Le {A} {N} {T} le {M}.",
        "DT JJ NN VBZ DT NN .",
    ),
    ("Is the {N} {A}?", "Ist der {N} {A}?", "Le {N} est-il {A} ?", "VBZ DT NN JJ ."),
)
"""Sentences in each language, and the parts of speech of the English words and marks."""


def trilingual_sentences(n: int, seed: int) -> list[tuple[str, str, str, str]]:
    """Sample sentences: in English, German and French, and the parts of speech with a space between them.

    Args:
        n: how many.
        seed: of the samples.
    """
    count(1, n=n)
    rng = np.random.default_rng(seed)
    sentences = []
    for _ in range(n):
        *languages, tags = FRAMES[rng.integers(len(FRAMES))]
        words = {kind: each[rng.integers(len(each))] for kind, each in KINDS.items()}
        written = (
            frame.format(**{kind: word[k] for kind, word in words.items()})
            for k, frame in enumerate(languages)
        )
        english, german, french = written
        sentences.append((english, german, french, tags))
    return sentences
