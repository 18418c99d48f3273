"""Receipts: the proof that a step was done, published after everything that it names.

A receipt says what it is of, its facts (rows, counts, folds) and its files with their digests. It holds nothing of time,
host or path, so equal work leaves equal receipts. A step whose receipt is there does nothing.
"""

import json
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import IO, Any

from pipeline.data.store import Store

FOLDER = "receipts"
BLOCK = 4 << 20  # bytes of a file that is read to be digested


@dataclass(frozen=True)
class Receipt:
    of: str  # the step and its key: "columns/<key>/<piece>"
    facts: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # name → digest of the file's bytes


def find(store: Store, of: str) -> Receipt | None:
    """The receipt of a step, None if the step was not done."""
    try:
        data = store.read(receipt_name(of))
    except FileNotFoundError:
        return None
    return parse(data, of)


def get(store: Store, of: str) -> Receipt:
    """The receipt of a step that must have been done."""
    receipt = find(store, of)
    if receipt is None:
        raise FileNotFoundError(f"{receipt_name(of)}: no receipt; run again, the step will be done")
    return receipt


def parse(data: bytes, of: str) -> Receipt:
    """A receipt from its bytes; ValueError names one that is damaged."""
    try:
        fields = json.loads(data)
        check = fields.pop("check", None)  # receipts of earlier versions have none
        receipt = Receipt(**fields)
        if check not in (None, checked(receipt)):
            raise ValueError("its check differs")  # noqa: TRY301  # as any other damage
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{receipt_name(of)}: damaged receipt ({error}); run with --repair") from error
    return receipt


def checked(receipt: Receipt) -> str:
    """32 hex digits of all that a receipt says: a flipped bit may leave JSON that reads."""
    return digest_of(json.dumps(asdict(receipt), sort_keys=True).encode())


def publish(store: Store, receipt: Receipt) -> Receipt:
    """The receipt as it stands afterwards: ours, or the one that was there first."""
    fields = {**asdict(receipt), "check": checked(receipt)}
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, indent=1)
    data = text.encode(
        "utf-8", "backslashreplace"
    )  # half of a file name that is no UTF-8, as JSON escapes it
    if store.put(data, receipt_name(receipt.of)):
        return receipt
    return get(store, receipt.of)


def receipt_name(of: str) -> str:
    return f"{FOLDER}/{of}.json"


def step_of(name: str) -> str:
    """The step whose receipt has this name."""
    return name.removeprefix(f"{FOLDER}/").removesuffix(".json")


def digest_of(data: bytes) -> str:
    """32 hex digits (blake2b) of bytes; of a file's bytes the same as `file_digest` of the file."""
    return blake2b(data, digest_size=16).hexdigest()


def file_digest(path: str) -> str:
    """32 hex digits (blake2b) of a file's bytes."""
    with open(path, "rb") as file:
        return digest_from(file)


def stored_digest(store: Store, name: str) -> str:
    """As `file_digest`, of a published file."""
    with store.open(name) as file:
        return digest_from(file)


def digest_from(file: IO[bytes]) -> str:
    state = blake2b(digest_size=16)
    while block := file.read(BLOCK):
        state.update(block)
    return state.hexdigest()


def publish_file(store: Store, temporary: str, name: str) -> str:
    """Publish a finished file; the digest of what now has the name: ours, or that of whoever was there first."""
    ours = file_digest(temporary)
    return ours if store.publish(temporary, name) else stored_digest(store, name)
