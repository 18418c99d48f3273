"""Exports opened by their consumers' own libraries: mosaicml-streaming, megatron-core, Megatron-Energon, NumPy."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.feed import packs
from pipeline.ship.formats import FORMATS, export
from pipeline.ship.formats.source import Source
from tests.environments import trainers_python
from tests.feed.conftest import encoder, fed
from tests.trainers import read_back

__all__ = ["encoder", "fed"]


@pytest.mark.real("trainers' readers")
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_consumers_own_library_reads_the_documents_and_masks_of_the_packs(
    fed: str, tmp_path: Path, name: str
):
    export(fed, name, str(tmp_path / name))
    command = [trainers_python(), read_back.__file__, name, str(tmp_path / name), str(tmp_path / "back")]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    found, spans = np.load(tmp_path / "back.npz"), json.loads((tmp_path / "back.json").read_text())
    expected = list(Source.of(fed).packs())
    for part in ("tokens", "segments", "loss"):
        assert np.array_equal(found[part], np.concatenate([getattr(one, part) for one in expected]))
    assert spans == [[{**vars(span), "id": span.id.hex()} for span in pack.spans] for pack in packs(fed)]
