"""BLEU: how much of sentences is in their references."""

from collections import Counter
from collections.abc import Sequence
from math import exp, log

__all__ = ["bleu"]

ORDERS = 4
"""Words of an n-gram, at most."""


def bleu(outputs: Sequence[str], *references: Sequence[str]) -> float:
    """Return the BLEU of a whole corpus (Papineni et al., 2002), of words as they stand.

    Words are what spaces separate, and case counts: nothing is tokenised here, so that numbers compare only
    between outputs that were tokenised alike. Of several references of one length the closest in length
    counts; with equal distances, the shorter. If no n-gram of an order is matched, its precision is taken as
    half of one match (a quarter at the next such order, and so on), as sacrebleu does by default.

    Args:
        outputs: n sentences.
        *references: one or more lists of n sentences; the copies of a sentence in different lists are its
            references.

    Returns:
        0 to 100; 0 if no word of any output is in a reference.

    Raises:
        ValueError: no outputs, no references, lists of another length, or something else than strings.
    """
    columns = (outputs, *references)
    for each in columns:
        if isinstance(each, str) or not all(isinstance(sentence, str) for sentence in each):
            raise ValueError("outputs and references must be lists of strings")
    if not len(outputs) or not references or any(len(each) != len(outputs) for each in references):
        lengths = [len(each) for each in references]
        raise ValueError(f"references must be lists of as many sentences as outputs, not {lengths}")
    matched, written = [0] * ORDERS, [0] * ORDERS
    length = closest = 0
    for output, *known in zip(*columns, strict=True):
        words, others = output.split(), [each.split() for each in known]
        length += len(words)
        closest += min((abs(len(each) - len(words)), len(each)) for each in others)[1]
        for order in range(1, ORDERS + 1):
            ours, most = _ngrams(words, order), Counter[tuple[str, ...]]()
            for each in others:
                most |= _ngrams(each, order)
            written[order - 1] += ours.total()
            matched[order - 1] += (ours & most).total()
    if not matched[0]:
        return 0.0
    precisions, share = [], 1.0
    for found, all_ in zip(matched, written, strict=True):
        if not found:
            share /= 2
        if all_:
            precisions.append((found or share) / all_)
    if len(precisions) < ORDERS:  # no output has four words
        return 0.0
    brevity = min(0.0, 1 - closest / length)
    return 100 * exp(brevity + sum(map(log, precisions)) / ORDERS)


def _ngrams(words: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[k : k + order]) for k in range(len(words) - order + 1))
