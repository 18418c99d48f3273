import json

from pipeline.readers import READERS
from tests.golden.formats import FILE, FILES, FORMATS, outputs


def test_every_format_gives_what_it_gave():
    """A difference is a changed reader: `version` in pipeline/readers/shape.py moves with it."""
    assert outputs() == json.loads(FILE.read_text(encoding="utf-8"))


def test_every_format_has_a_golden_file():
    assert {FORMATS.get(path, path.rpartition(".")[2]) for path in FILES} == set(READERS)
