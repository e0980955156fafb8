"""Score the published rewrites of Yelp's 1,000 test sentences, by people and by systems, with fixed judges.

Sentiment: logistic regression on n-grams of Yelp sentences, none of them among the 1,000. Perplexity: an LSTM
trained on as many. BLEU: with the original, and with the four people's rewrites (for a person, with the
other three). "Both" is the geometric mean of transfer and BLEU with the references, which neither a copy nor
an unrelated sentence can have high.

    python benchmarks/yelp_rewrites.py --yelp FOLDER

FOLDER has Shen's files and the rewrites (see `unknot.models.data.sentiment`).
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from unknot.models.data.sentiment import Rewrites, read_yelp, read_yelp_rewrites
from unknot.models.text.judges import NgramJudge, fit_language_model
from unknot.models.text.vocabulary import Vocabulary
from unknot.representation.metrics.bleu import bleu


def main() -> None:
    """Fit the judges and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--yelp", type=Path, help="folder with Yelp's files")
    parser.add_argument("--rewrites", type=Path, help="folder or archive of the rewrites; default: the same")
    parser.add_argument("--sentences", type=int, default=60_000, help="that judges learn from")
    parser.add_argument("--steps", type=int, default=1500, help="of the language model")
    options = parser.parse_args()
    if options.yelp is None:
        print("this needs --yelp FOLDER, with Yelp's sentences in Shen's format")
        return
    torch.set_num_threads(1)
    rewrites = read_yelp_rewrites(options.rewrites or options.yelp)
    yelp = read_yelp(options.yelp, "dev", "test").without(set(rewrites.originals.sentences))
    rows = np.random.default_rng(0).permutation(len(yelp.sentences))[: options.sentences + 5000]
    learnt, held_out = rows[: options.sentences], rows[options.sentences :]
    sentences = [yelp.sentences[k] for k in learnt]
    judge = NgramJudge(sentences, yelp.labels[learnt])
    model = fit_language_model(
        sentences, Vocabulary.of(sentences, least=2).symbols, steps=options.steps, hidden=256, longest=40
    )
    right = judge.classify([yelp.sentences[k] for k in held_out]) == yelp.labels[held_out]
    print(f"judge: right for {right.mean():.1%} of {len(held_out):,} other sentences")
    print(f"{'':24}{'transfer':>9}{'BLEU, original':>16}{'BLEU, people':>14}{'both':>7}{'perplexity':>12}")
    for name, (outputs, references) in contenders(rewrites).items():
        transfer = 100 * (judge.classify(outputs) != rewrites.originals.labels).mean()
        kept, like_people = bleu(outputs, rewrites.originals.sentences), bleu(outputs, *references)
        both, perplexity = np.sqrt(transfer * like_people), model.perplexity(outputs)
        print(f"{name:24}{transfer:9.1f}{kept:16.1f}{like_people:14.1f}{both:7.1f}{perplexity:12.1f}")


def contenders(rewrites: Rewrites) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Return all outputs, by name, with what each is compared with: copies, people, systems."""
    people = rewrites.references
    others = {f"person {k}": (each, people[:k] + people[k + 1 :]) for k, each in enumerate(people)}
    systems = {
        name: (each, people) for name, each in rewrites.outputs.items() if not name.startswith("Human")
    }
    return {"copy of the original": (rewrites.originals.sentences, people)} | others | systems


if __name__ == "__main__":
    main()
