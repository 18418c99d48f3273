"""Samples are the same everywhere, evidence is marked, and the nearest to a limit are the nearest."""

import pytest

from pipeline import ledger
from pipeline.ledger.export import Choice
from pipeline.ledger.inspect import evidence, marked_spans, marked_text, nearest, sample
from tests import plain, world


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> ledger.Run:
    folder = world.make(tmp_path_factory.mktemp("world"), files=2, rows=40)
    plain.run(world.recipe(folder))
    return ledger.open_run(str(folder / "out"))


def test_a_sample_is_of_what_was_asked_and_a_larger_one_holds_it(opened: ledger.Run):
    choice = Choice(True, "gopher_quality", "too_few_words")
    few, more = sample(opened, choice, 3), sample(opened, choice, 6)
    assert [one.id for one in few] == [one.id for one in more[:3]]
    assert {one.reason for one in more} == {"too_few_words"}
    assert [one.id for one in sample(opened, choice, 3, seed=1)] != [one.id for one in few]


def test_a_sample_of_what_ships(opened: ledger.Run):
    assert {one.reason for one in sample(opened, Choice(), 4)} == {None}


def test_the_nearest_to_a_limit_come_first(opened: ledger.Run):
    """English world documents have 20, 80, 120, … words; 50 is the least: those of 80 fall when it is moved by 60 %."""
    found = nearest(opened, "gopher_quality", "too_few_words", 5)
    assert {(one.field, one.limit) for one in found} == {("min_words", 50)}
    words = [
        next(said for said in one.life.said if said.stage == "gopher_quality").values["words"]
        for one in found
    ]
    rows = [row for piece in opened.pieces for row in opened.decisions(piece).to_pylist()]
    assert len(rows) > 100
    assert max(words) < 110
    assert all(one.life.reason is None and one.moved > one.limit for one in found)
    moves = [one.moved for one in found]
    assert moves == sorted(moves)


def test_a_comparison_has_no_limits_to_be_near_to(opened: ledger.Run):
    with pytest.raises(ledger.LedgerError, match="exact_duplicates: is a comparison; only rules and editors"):
        nearest(opened, "exact_duplicates", None, 5)


def test_what_an_editor_cut_is_marked_in_the_text(opened: ledger.Run):
    choice = Choice(dropped=False)
    cut = next(one for one in sample(opened, choice, 60) if one.characters_cut)
    assert evidence(opened, cut).endswith("[-3 likes-]")
    whole = next(one for one in sample(opened, choice, 60) if not one.characters_cut)
    assert evidence(opened, whole).startswith(whole.excerpt[:100])


def test_marks_stand_around_what_is_cut_and_put():
    text = "ein Text mit 中文 darin".encode()
    start = text.index("中".encode())
    assert (
        marked_text(text, [{"start": start, "stop": start + 6, "put": "<zh>"}])
        == "ein Text mit [-中文-]{+<zh>+} darin"
    )


def test_what_is_sampled_out_stands_near_to_no_limit(opened: ledger.Run):
    """It does not ship, so no limit can drop it."""
    out = [
        row["id"].hex()
        for piece in opened.pieces
        for row in opened.decisions(piece).to_pylist()
        if row["reason"] == "sampled_out"
    ]
    near = [one.life.id for one in nearest(opened, "chinese_quality", None, 1000)]
    assert out
    assert near
    assert not set(out) & set(near)


def test_as_much_is_shown_of_a_chinese_text():
    text = "前" * 400 + "中" + "后" * 400
    spans = marked_spans(text.encode(), [{"start": 1200, "stop": 1203, "put": ""}])
    assert spans == [("", "前" * 160), ("del", "中"), ("", "后" * 160)]
