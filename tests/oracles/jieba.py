"""What JiebaWords counts, with lists; the segmenter and the conversion are those of the libraries."""

from opencc import OpenCC
from rjieba import cut

from tests.oracles.grams import repeats
from tests.oracles.surface import is_han

TO_SIMPLIFIED = OpenCC("t2s")


def jieba_words(text: str, measure) -> tuple[int, ...]:
    """The six counts, then those of grams, in the order of the measure's columns."""
    solid = "".join(text.split())
    han = sum(map(is_han, solid))
    enough = han and han >= measure.min_han_share * len(solid)
    found = cut(TO_SIMPLIFIED.convert(text), measure.hidden_markov) if enough else []
    words = [word for word in found if word.strip()]
    plain = [word for word in words if any(one.isalpha() or one.isdigit() for one in word)]
    sizes = [repeats(words, size) for size in range(2, 11)]
    return (
        len(words),
        len(plain),
        sum(map(len, plain)),
        sum(any(map(str.isalpha, word)) for word in words),
        len(set(words) & set(measure.stop_words)),
        sum(map(len, words)),
        *(top for top, _, _, _ in sizes[:3]),
        *(times for _, times, _, _ in sizes[:3]),
        *(covered for _, _, covered, _ in sizes[3:]),
    )
