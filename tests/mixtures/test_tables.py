"""Bad tables are refused with file, row, column, value and cure; good ones come in whatever their format and order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from mixtures.choice import TooFewRunsError, choose
from mixtures.tables import TableError, read_runs, read_shares
from tests.mixtures import worlds

SHARES = "run,a,b\n1,0.5,0.5\n2,0.25,0.75\n3,1,0\n"
LOSSES = "run,x\n1,3.0\n2,2.5\n3,4.0\n"
Refuse = Callable[..., str]


@pytest.fixture
def refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refuse:
    monkeypatch.chdir(tmp_path)

    def told(shares: str = SHARES, losses: str = LOSSES, domains: tuple[str, ...] = ()) -> str:
        (tmp_path / "runs.csv").write_text(shares, encoding="utf-8")
        (tmp_path / "losses.csv").write_text(losses, encoding="utf-8")
        with pytest.raises(TableError) as error:
            read_runs("runs.csv", "losses.csv", domains)
        return str(error.value)

    return told


def test_shares_that_do_not_sum_to_one_are_named_with_their_row(refuse: Refuse):
    told = refuse(SHARES.replace("0.25,0.75", "0.25,0.77"))
    assert told.startswith(
        "runs.csv:3: the shares of run '2' sum to 1.0200; they must sum to 1, so correct them"
    )


def test_within_one_percent_they_are_divided_by_their_sum_and_it_is_said(tmp_path: Path):
    (tmp_path / "runs.csv").write_text(SHARES.replace("0.25,0.75", "0.25,0.745"))
    table = read_shares(str(tmp_path / "runs.csv"))
    assert table.values[1].tolist() == pytest.approx([0.25 / 0.995, 0.745 / 0.995])
    assert "1 of 3 rows" in table.notes[0]
    assert "runs.csv:3" in table.notes[0]


@pytest.mark.parametrize("cell", ["nan", "", "inf", "hoch"])
def test_a_cell_that_is_no_number_is_named_with_row_and_column(refuse: Refuse, cell: str):
    told = refuse(losses=LOSSES.replace("2.5", cell))
    assert told.startswith("losses.csv:3: column 'x': ")
    assert "is no finite number" in told


def test_a_share_below_zero(refuse: Refuse):
    assert "runs.csv:4: column 'b': share -0.001 is below 0" in refuse(
        SHARES.replace("1,0\n", "1.001,-0.001\n")
    )


def test_a_run_in_one_table_only(refuse: Refuse):
    assert "runs.csv:4: run '3' has no losses in losses.csv" in refuse(losses=LOSSES.replace("3,4.0\n", ""))
    assert "losses.csv:5: run '9' has no shares in runs.csv" in refuse(losses=LOSSES + "9,1.0\n")


def test_a_domain_in_one_place_only(refuse: Refuse):
    told = refuse(domains=("a", "c"))
    assert "runs.csv: domain 'c' has no column" in told
    assert "runs.csv: column 'b' is no known domain" in told


def test_rows_that_repeat_another(refuse: Refuse):
    assert "runs.csv:5: run '3' stands twice, first at runs.csv:4" in refuse(SHARES + "3,0,1\n")
    told = refuse(SHARES + "4,0.5,0.5\n", LOSSES + "4,3.0\n")
    assert "runs.csv:5: run '4' repeats shares and losses of run '1' at runs.csv:2" in told


def test_one_mixture_trained_twice_is_no_repeat(tmp_path: Path):
    (tmp_path / "r.csv").write_text(SHARES + "4,0.5,0.5\n")
    (tmp_path / "l.csv").write_text(LOSSES + "4,3.1\n")
    assert len(read_runs(str(tmp_path / "r.csv"), str(tmp_path / "l.csv")).runs) == 4


def test_two_columns_of_one_name(refuse: Refuse):
    assert "column 'a' stands more than once" in refuse(SHARES.replace("run,a,b", "run,a,train_a"))


def test_what_is_no_table_is_named_with_its_file_and_row(tmp_path: Path, refuse: Refuse):
    assert "runs.csv: CSV parse error: Row #3: Expected 3 columns, got 2" in refuse(
        SHARES.replace("2,0.25,0.75", "2,1")
    )
    for text in (b"run,\xff\n1,2\n", b"run,a\n\xff,2\n"):
        (tmp_path / "latin.csv").write_bytes(text)
        with pytest.raises(TableError, match=r"latin.csv: .*a table is CSV in UTF-8"):
            read_shares("latin.csv")
    with pytest.raises(TableError, match=r"nope.csv: there is no such file; paths are relative"):
        read_shares("nope.csv")


def test_fewer_runs_than_the_domains_need():
    with pytest.raises(TooFewRunsError, match="9 runs are fewer than the 10 that 4 domains need"):
        next(choose(worlds.runs(40).head(9)))


def test_many_mistakes_are_counted(refuse: Refuse):
    rows = "".join(f"{run},2,2\n" for run in range(4, 40))
    assert refuse(SHARES + rows, LOSSES + "".join(f"{run},1\n" for run in range(4, 40))).endswith(
        "and 28 more"
    )


def test_parquet_and_a_byte_order_mark_give_the_same_runs(tmp_path: Path):
    worlds.write(tmp_path, worlds.runs(12))
    expected = read_runs(f"{tmp_path}/runs.csv", f"{tmp_path}/losses.csv", worlds.NAMES)
    for name in ("runs", "losses"):
        pa.parquet.write_table(pa.csv.read_csv(tmp_path / f"{name}.csv"), tmp_path / f"{name}.parquet")
    found = read_runs(f"{tmp_path}/runs.parquet", f"{tmp_path}/losses.parquet", worlds.NAMES)
    assert found.runs == expected.runs
    assert np.array_equal(found.shares, expected.shares)
    assert np.array_equal(found.losses, expected.losses)
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "losses.csv").read_bytes())
    assert read_runs(f"{tmp_path}/runs.csv", f"{tmp_path}/bom.csv").targets == expected.targets


def test_losses_may_stand_in_another_order_of_runs_and_domains(tmp_path: Path):
    (tmp_path / "r.csv").write_text(SHARES)
    (tmp_path / "l.csv").write_text("run,x\n3,4.0\n1,3.0\n2,2.5\n")
    runs = read_runs(str(tmp_path / "r.csv"), str(tmp_path / "l.csv"), ("b", "a"))
    assert runs.losses[:, 0].tolist() == [3.0, 2.5, 4.0]
    assert runs.shares[2].tolist() == [0.0, 1.0]
