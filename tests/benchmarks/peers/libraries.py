"""Libraries' side of the works that one library does, in an environment that has it: python libraries.py JOB.json.

Facts as a line of JSON. What a library does not do itself, such as cutting shingles, is plain Python, as one would write it.
"""

import json
import sys
from hashlib import blake2b
from pathlib import Path

HASHES, SHINGLE = 112, 5


def texts(job):
    for path in job["files"]:
        with open(path, encoding="utf-8") as rows:
            yield from (json.loads(row)["text"] for row in rows)


def shingles(text, language):
    """Distinct runs of five words, or of five characters."""
    if language == "zh":
        bare = "".join(text.split())
        return {bare[at : at + SHINGLE] for at in range(max(1, len(bare) - SHINGLE + 1))}
    words = text.split()
    return {" ".join(words[at : at + SHINGLE]) for at in range(max(1, len(words) - SHINGLE + 1))}


def datasketch(job):
    from datasketch import MinHash

    documents = 0
    for text in texts(job):
        one = MinHash(num_perm=HASHES)
        one.update_batch([shingle.encode() for shingle in shingles(text, job["language"])])
        documents += len(one.hashvalues) == HASHES
    return {"documents": documents}


def rensa(job):
    from rensa import RMinHash

    documents = 0
    for text in texts(job):
        one = RMinHash(num_perm=HASHES, seed=1)
        one.update(list(shingles(text, job["language"])))
        documents += len(one.digest()) == HASHES
    return {"documents": documents}


def fasttext(job):
    import fasttext as library

    model = library.load_model(job["model"])
    labels = [model.predict(text.replace("\n", " "))[0][0].removeprefix("__label__") for text in texts(job)]
    Path(job["folder"], "labels.json").write_text(json.dumps(labels))
    return {"documents": len(labels)}


def tokenizers(job):
    """All texts at once, on one core; ids as numbers of 16 bits, the end token behind each text."""
    import numpy as np
    from tokenizers import Tokenizer

    library, digest, tokens = Tokenizer.from_file(job["tokenizer"]), blake2b(), 0
    end = library.token_to_id("<|endoftext|>")
    found = library.encode_batch(list(texts(job)), add_special_tokens=False)
    for one in found:
        ids = np.array([*one.ids, end], np.uint16)
        digest.update(ids)
        tokens += len(ids)
    return {"documents": len(found), "tokens": tokens, "digest": digest.hexdigest()}


def resiliparse(job):
    """Pages → main text: charset, parsing and extraction, nothing else."""
    import pyarrow as pa
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import detect_encoding
    from resiliparse.parse.html import HTMLTree

    characters = documents = 0
    for path in job["files"]:
        for row in pa.ipc.open_file(path).read_all().to_pylist():
            charset = row["charset"] or detect_encoding(row["html"], from_html_meta=True)
            tree = HTMLTree.parse_from_bytes(row["html"], charset)
            characters += len(extract_plain_text(tree, main_content=True))
            documents += 1
    return {"documents": documents, "characters": characters}


def naive_packing(job):
    """Best fit as one writes it first: the free room of every open pack in a sorted list. And what next fit would leave empty."""
    import random
    from bisect import bisect_left

    chance, capacity = random.Random(0), 4096
    lengths = [
        min(capacity, int((chance.paretovariate(1.1) - 1) * 150 + 20)) for _ in range(job["documents"])
    ]
    room, packs = [], 0
    for length in sorted(lengths, reverse=True):
        at = bisect_left(room, length)
        left = capacity - length
        if at < len(room):
            left = room.pop(at) - length
        else:
            packs += 1
        if left:
            room.insert(bisect_left(room, left), left)
    opened, free = 0, 0
    for length in lengths:
        if length > free:
            opened, free = opened + 1, capacity
        free -= length
    whole = sum(lengths)
    return {"documents": len(lengths), "padding": 1 - whole / (packs * capacity), "next_fit": 1 - whole / (opened * capacity)}  # fmt: skip


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(globals()[given["work"]](given)))
