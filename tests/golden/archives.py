"""What each web archive beside the project gives; `python -m tests.golden.archives` writes archives.json anew."""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pipeline.readers import Extent, count_records
from tests.conftest import SHARED
from tests.readers.memory import collect, from_disk, reading_of

FILE = Path(__file__).with_suffix(".json")


def table(folder: Path) -> dict[str, Any]:
    """Of each file: documents by place, URL and text; passed over by type; quarantined with place, reason and detail."""
    return {str(path.relative_to(folder)): row(path) for path in sorted(folder.glob("*/*"))}


def row(path: Path) -> dict[str, Any]:
    extent, reading = Extent(str(path), path.name), reading_of("warc")
    found = collect(extent, reading, from_disk)
    assert found.total.records == count_records(extent, reading, from_disk)
    documents = [
        {
            "position": int.from_bytes(one["id"][8:14], "big"),
            "url": one["url"],
            "date": one["date"].isoformat(),
            "characters": len(one["text"]),
            "digest": blake2b(one["text"].encode(), digest_size=8).hexdigest(),
        }
        for one in found.documents
    ]
    quarantine = [{name: one[name] for name in ("position", "reason", "detail")} for one in found.quarantine]
    passed_over = dict(sorted(found.total.passed_over.items()))
    return {
        "records": found.total.records,
        "documents": documents,
        "passed_over": passed_over,
        "quarantine": quarantine,
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(table(SHARED / "warc"), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
