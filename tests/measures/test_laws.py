"""The laws of measures: row for row, whatever batch a document comes in, and the same after pickling."""

import pickle

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden.stages import MEASURES
from tests.oracles import generated

every_measure = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: type(measure).__name__)


def documents(texts: list[str]) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.string())})


@every_measure
@given(texts=generated.batches)
def test_a_row_depends_on_its_document_alone(measure, texts):
    together = measure(documents(texts))
    assert together.schema == measure.columns
    assert together.to_pylist() == [row for text in texts for row in measure(documents([text])).to_pylist()]


@every_measure
@given(texts=generated.batches, data=st.data())
def test_how_a_batch_is_cut_changes_nothing(measure, texts, data):
    cut = data.draw(st.integers(0, len(texts)))
    whole = documents(texts)
    parts = [measure(whole.slice(0, cut)), measure(whole.slice(cut))]
    assert pa.Table.from_batches(parts).to_pylist() == measure(whole).to_pylist()


@every_measure
def test_pickling_changes_nothing(measure):
    again = pickle.loads(pickle.dumps(measure))
    assert (again, hash(again)) == (measure, hash(measure))
    assert again(documents(["The 中文.\n3 likes"])) == measure(documents(["The 中文.\n3 likes"]))


@every_measure
def test_columns_have_no_nulls(measure):
    assert all(column.null_count == 0 for column in measure(documents(["", " ", "a", "中"])))
