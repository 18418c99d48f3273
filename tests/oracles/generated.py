"""Texts for Hypothesis that kernels may stumble over."""

from hypothesis import strategies as st

PIECES = (
    *(
        "the",
        "The",
        "(have)",
        "to-be",
        "that,",
        "a",
        "US",
        "GDP",
        "3",
        "１２",
        "²",
        "½",
        "#",
        "...",
        "....",
        "......",
        ".",
        "….",
        ". ..",
        "…",
    ),
    *(" ", "  ", "\n", "\n\n", "\r\n", "\t", "\u2028", "\x85", "\u3000", "\xa0", "\x1c", "\u200b"),
    *("中文", "，", "。", "ひらがな", "ｶﾀｶﾅ", "ไทยก็", "한글", "\u1112\u1161\u11ab", "𠮷", "〇", "々"),
    *("é", "e\u0301", "Å", "A\u030a", "\u0327\u0301", "ñ", "Ǆ", "ß", "👩‍🚀", "🇨🇳", "\U0010ffff", "\ufffc"),
    *("•", "- ", "* ", "▪", "READ MORE...", "sign-in ", "3 likes", "1.5k Views", "items in cart"),
)
texts = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=20).map("".join),
    st.text(max_size=20),
    st.sampled_from(("", "x" * 5000, "字" * 300, "- a\n" * 50)),
)
batches = st.lists(texts, max_size=6)
