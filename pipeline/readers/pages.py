"""The bytes of an HTML page → its main text, by Resiliparse, behind caps on tags and depth. Runs in a helper.

On the 42 Readability pages its word F1 is .969. Its main-content step walks up from every node, so it is quadratic in
depth (2,000 levels .07 s, 10,000 1.8 s, 20,000 8.2 s), whereas parsing alone is not.
"""

import numpy as np
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree, Node

from pipeline.kernels.nesting import nesting
from pipeline.readers.charset import decode
from pipeline.readers.frames import Frame
from pipeline.readers.helper import Ask
from pipeline.readers.shape import Refused

MOST_TAGS = 500_000  # 200,000 <p> take .4 s and 170 MB
DEEPEST = 2_000  # levels: .07 s
MOST_WORK = 20_000_000  # levels summed over tags: .8 s
BEYOND_DOUBT = (
    10  # times DEEPEST by the tags alone: not even parsed, which for some elements is quadratic too
)
TITLE_CHARACTERS = 1_000


def extract(job: Frame, _ask: Ask) -> Frame:
    """Head: charset, title; body: the main text in UTF-8. `charset` of the job: what a server said."""
    return page(job.body, job.head.get("charset"))


def page(data: bytes, said: str | None) -> Frame:
    """Refused: too_many_tags, nested_too_deep."""
    html, charset = decode(data, said)
    suspicious = is_suspicious(data if charset == "utf-8" else html.encode("utf-8", "replace"))
    tree = HTMLTree.parse(html)
    if suspicious:
        check_depth(tree)
    text = extract_plain_text(tree, main_content=True)
    return Frame({"charset": charset, "title": (tree.title or "")[:TITLE_CHARACTERS] or None}, text.encode())


def is_suspicious(data: bytes) -> bool:
    """Whether the tags may be too deep. One pass; most pages have too few tags for that. Refused: too_many_tags, nested_too_deep."""
    tags = data.count(b"<")
    if tags > MOST_TAGS:
        raise Refused("too_many_tags", f"{tags:,} tags")
    if tags <= DEEPEST or tags - data.count(b"</") <= DEEPEST:
        return False
    found = nesting(np.frombuffer(data, np.uint8))
    if found.deepest > BEYOND_DOUBT * DEEPEST:
        raise Refused("nested_too_deep", f"{found.deepest:,} levels")
    return max(found.deepest, found.unsure) > DEEPEST or found.work > MOST_WORK


def check_depth(tree: HTMLTree) -> None:
    """Look at the tags again, as the parser understood them. Refused: nested_too_deep."""
    written = tree.document.html.encode("utf-8", "replace") if tree.document else b""
    found = nesting(np.frombuffer(written, np.uint8), serialised=True)
    if (found.deepest > DEEPEST or found.work > MOST_WORK) and is_deep(tree):
        raise Refused("nested_too_deep", f"{found.deepest:,} levels, {found.work:,} over all tags")


def is_deep(tree: HTMLTree) -> bool:
    """Walk the tree, 10 µs a node: what a title attribute holds looks like tags too."""
    node: Node | None = tree.document
    level = work = 0
    while node is not None and level <= DEEPEST and work <= MOST_WORK:
        work += level
        if node.first_child is not None:
            node, level = node.first_child, level + 1
            continue
        while node is not None and node.next is None:
            node, level = node.parent, level - 1
        node = node.next if node is not None else None
    return node is not None
