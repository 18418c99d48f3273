"""A page needs nothing but itself, harms nobody, and says where everything is."""

import re
from html.parser import HTMLParser

from pipeline import page

EVIL = "<script>alert(1)</script>\"'&"


class Tags(HTMLParser):
    """What a browser would see: (tag, attributes), and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.code: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ("script", "style") and self.get_starttag_text():
            self.code.append(data)


def evil_page() -> str:
    parts = [
        page.text(EVIL), page.text(EVIL, "note"), page.heading(EVIL, EVIL), page.subheading(EVIL, EVIL, EVIL),
        page.table((EVIL, "n"), [(EVIL, 1), (page.Link(EVIL, EVIL), 2)], (EVIL, page.Cell(EVIL, 1))),
        page.folded(EVIL, [page.excerpt(EVIL, [("", EVIL), ("del", EVIL)])]), page.facts([(EVIL, EVIL)]),
        page.tabs("g", EVIL, [(EVIL, page.text("a")), ("b", page.text("b"))]),
    ]  # fmt: skip
    return page.page(EVIL, [page.Section(EVIL, parts)])


def test_whatever_is_shown_stays_text():
    seen = Tags(evil_page()).tags
    assert [tag for tag, _ in seen].count("script") == 1
    assert not [name for _, attributes in seen for name in attributes if name.startswith("on")]
    assert not [name for _, attributes in seen for name in attributes if name in ("src", "style")]


def test_nothing_may_be_fetched_and_only_our_code_runs():
    made = evil_page()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', made)
    assert policy
    assert policy[1].startswith("default-src 'none'; ")
    style, script = (re.search(rf"<{tag}>(.*?)</{tag}>", made, re.DOTALL) for tag in ("style", "script"))
    assert style
    assert script
    assert f"style-src 'sha256-{page.digest(style[1])}'" in policy[1]
    assert f"script-src 'sha256-{page.digest(script[1])}'" in policy[1]
    assert not re.search(r"https?:|src=", made)


def test_an_empty_page_is_small():
    assert len(page.page("", [])) < 30_000


def test_every_link_leads_somewhere():
    sections = [page.Section("Eins & 二", [page.heading("x", "x-1")]), page.Section("Other", [], anchor="o")]
    seen = Tags(page.page("T", sections)).tags
    places = {attributes["id"] for _, attributes in seen if "id" in attributes}
    assert {"eins-二", "x-1", "o"} <= places
    links = {str(attributes["href"]) for tag, attributes in seen if tag == "a"}
    assert links == {"#eins-二", "#x-1", "#o"}


def test_columns_of_numbers_sort_as_numbers():
    made = page.table(("name", "share"), [("a", page.percent(1, 8)), ("b", "1,234.5"), ("c", "–")])
    assert 'data-v="0.125">12.5 %' in made
    assert 'data-v="1234.5">1,234.5' in made
    assert made.count('class="word"') == 4  # the head and the three names
