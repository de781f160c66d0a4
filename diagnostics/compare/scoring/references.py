"""How near an answer is to a reference answer: pure functions of two texts, 0 to 1, for Chinese as for English."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable

# A Chinese character is a token, any other letters and digits in a row are one.
TOKEN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W\u3400-\u9fff\uf900-\ufaff]+")
CHRF_ORDER, CHRF_BETA = 6, 2.0


def normal(text: str) -> str:
    """A text without what does not count: case, full or half width, spaces around, a mark at its end."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".。!?;")


def exact(answer: str, reference: str) -> float:
    """1 if the two are the same, but for case, width, spaces and a mark at the end; else 0."""
    return float(normal(answer) == normal(reference))


def token_f1(answer: str, reference: str) -> float:
    """The harmonic mean of precision and recall over tokens, as in SQuAD (Rajpurkar et al. 2016), articles kept."""
    said, wanted = TOKEN.findall(normal(answer)), TOKEN.findall(normal(reference))
    if not said or not wanted:
        return float(said == wanted)
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted))


def chrf(answer: str, reference: str) -> float:
    """The F score over character n-grams, n = 1 to 6, recall counting twice, spaces left out (chrF2, Popovic 2015).

    Precision and recall are averaged over the orders that both texts are long enough for, as sacreBLEU does.
    """
    said, wanted = "".join(answer.split()), "".join(reference.split())
    if not said or not wanted:
        return float(said == wanted)
    precisions, recalls = [], []
    for order in range(1, min(CHRF_ORDER, len(said), len(wanted)) + 1):
        left, right = grams(said, order), grams(wanted, order)
        shared = sum((left & right).values())
        precisions.append(shared / left.total())
        recalls.append(shared / right.total())
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    weight = CHRF_BETA**2
    below = weight * precision + recall
    return (1 + weight) * precision * recall / below if below else 0.0


def grams(text: str, order: int) -> Counter[str]:
    """The character n-grams of a text, counted."""
    return Counter(text[at : at + order] for at in range(len(text) - order + 1))


METRICS: dict[str, Callable[[str, str], float]] = {"exact": exact, "f1": token_f1, "chrf": chrf}
