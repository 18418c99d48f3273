"""The Arrow schemas of everything a run writes. Each stands once, here."""

import pyarrow as pa

SCHEMA_VERSION = 1  # of the folder as a whole: another number is another layout, and is refused

PART = pa.struct([("kind", pa.string()), ("start", pa.int64()), ("stop", pa.int64())])
MEDIUM = pa.struct(
    [
        ("kind", pa.string()),
        ("uri", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("digest", pa.binary(16)),
        ("width", pa.int32()),
        ("height", pa.int32()),
    ]
)
CUT = pa.struct([("start", pa.int32()), ("stop", pa.int32()), ("put", pa.string())])
CUTS = pa.list_(CUT)

ID = pa.binary(16)
DIGEST = pa.binary(16)

DOCUMENTS = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("digest", DIGEST, nullable=False),
        pa.field("url", pa.string()),
        pa.field("date", pa.timestamp("us", tz="UTC")),
        pa.field("text", pa.string(), nullable=False),
        pa.field("parts", pa.list_(PART)),
        pa.field("media", pa.list_(MEDIUM)),
        pa.field("parents", pa.list_(ID)),
        pa.field("extra", pa.string()),
    ]
)

MARKS = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("reason", pa.string()),
        pa.field("survivor", ID),
        pa.field("similarity", pa.float32()),
        pa.field("group_size", pa.int32()),
    ]
)

CUT_MARKS = pa.schema(
    [
        *MARKS,
        pa.field("cuts", CUTS, nullable=False),
        pa.field(
            "stays", pa.list_(ID), nullable=False
        ),  # for each cut the document in which the same text stays
    ]
)  # MARKS of a comparison that cuts

DECISIONS = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("stage", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("copies", pa.int32(), nullable=False),
        pa.field("characters", pa.int64(), nullable=False),
        pa.field("characters_cut", pa.int64(), nullable=False),
        pa.field("characters_put", pa.int64(), nullable=False),
        pa.field("tokens", pa.int32()),
    ]
)

QUARANTINE = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string()),
        pa.field("excerpt", pa.string()),
    ]
)

SPAN = pa.struct(
    [
        ("id", ID),
        ("source", pa.string()),
        ("copy", pa.int32()),
        ("start", pa.int32()),
        ("stop", pa.int32()),
        ("at", pa.int32()),
    ]
)


def tokens(dtype: pa.DataType) -> pa.Schema:
    """Token files: the ids of each document, end token included. `dtype` is uint16 or uint32."""
    return pa.schema(
        [
            pa.field("id", ID, nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("tokens", pa.list_(dtype), nullable=False),
        ]
    )


def packs(dtype: pa.DataType, length: int) -> pa.Schema:
    """Shards: one row a pack of exactly `length` tokens, and the spans of the documents in it."""
    return pa.schema(
        [
            pa.field("tokens", pa.list_(dtype, length), nullable=False),
            pa.field("spans", pa.list_(SPAN), nullable=False),
        ]
    )
