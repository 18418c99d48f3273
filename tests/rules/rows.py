"""What a rule says of one text, through its own measures."""

from typing import Any

import pyarrow as pa


def seen(rule: Any, text: str, **more: Any) -> pa.RecordBatch:
    """The columns that a rule's measures give of a text; `more`: other columns of the document."""
    document = pa.record_batch({"text": [text], **{name: [value] for name, value in more.items()}})
    columns: dict[str, pa.Array] = {}
    for need in rule.needs:
        given = need(document)
        columns |= dict(zip(given.schema.names, given.columns, strict=True))
    return pa.RecordBatch.from_pydict(columns)


def says(rule: Any, text: str, **more: Any) -> str | None:
    return rule(seen(rule, text, **more))[0].as_py()
