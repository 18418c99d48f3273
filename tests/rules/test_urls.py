"""UrlRules: hosts by registered domain, patterns, what stays, and which lists are refused."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.measures.urls import SAMPLE, ListedUrl, hosts_of, url_list
from pipeline.rules.urls import UrlRules


def says(url: str | None, path: str | tuple[str, ...] = ()) -> str | None:
    rule = UrlRules(path)
    return rule(rule.needs[0](pa.record_batch({"url": pa.array([url], pa.string())})))[0].as_py()


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "urls.txt"
    file.write_text("bad.co.uk\nspam.good.com\n例子.中国\n/[?&]aff=/\n/\\.exe$/\n", encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("inside", "outside", "reason"),
    [
        ("https://notbad.co.uk/", "https://bad.co.uk/", "listed_host"),
        ("https://bad.co.uk.example.org/", "http://www.news.BAD.co.uk:8080/a?b#c", "listed_host"),
        ("https://good.com/spam.good.com", "https://a.spam.good.com./", "listed_host"),
        ("https://bad.co.uk@good.com/", "https://good.com@bad.co.uk/", "listed_host"),
        ("https://子.中国/", "https://www.例子.中国/页", "listed_host"),
        ("https://xn--fsqu00b.xn--fiqs8s/", "https://xn--fsqu00a.xn--fiqs8s/", "listed_host"),
        ("https://good.com/?staff=1", "https://good.com/?q=1&AFF=1", "listed_pattern"),
        ("https://good.com/a.exe.html", "https://good.com/下载.exe", "listed_pattern"),
        (None, "bad.co.uk/page", "listed_host"),
        ("", "//bad.co.uk", "listed_host"),
    ],
)
def test_what_is_on_the_list_goes_and_its_neighbour_stays(path, inside, outside, reason):
    assert (says(inside, path), says(outside, path)) == (None, reason)


def test_a_host_is_named_before_a_pattern(path):
    assert says("https://bad.co.uk/x.exe", path) == "listed_host"


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://news.bbc.co.uk/1", "bbc.co.uk"),
        ("http://someone.github.io/", "someone.github.io"),
        ("https://www.新华网.中国", "xn--xkrr14bows.xn--fiqs8s"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://[2001:db8::1]/", "[2001:db8::1]"),
        ("http://localhost/", "localhost"),
        ("http://co.uk/", "co.uk"),
        (None, None),
        ("", None),
        ("https:///path", None),
    ],
)
def test_the_registered_domain_is_a_column(url, domain):
    found = ListedUrl()(pa.record_batch({"url": pa.array([url], pa.string())})).to_pylist()[0]
    assert found["domain"] == domain


names = st.lists(st.text("abcxyz019-", min_size=1, max_size=5), min_size=1, max_size=4).map(".".join)
parts = (
    st.sampled_from(["http:", "HTTPS:", "ftp:", ""]),
    st.sampled_from(["", "u@", "u:p@"]),
    names,
    st.sampled_from(["", ":1", "/", "/a@b:c//d", "?q=//x@y", "#f"]),
)


@given(st.lists(st.tuples(*parts).map(lambda part: f"{part[0]}//{''.join(part[1:])}"), max_size=5))
def test_hosts_are_those_of_the_standard_library(urls):
    assert hosts_of(pa.array(urls, pa.string())).to_pylist() == [urlsplit(url).hostname for url in urls]


def test_the_sample_that_ships_is_a_list():
    assert says("https://www.best-casino.example/") == "listed_pattern"
    assert says("https://example.invalid/") == "listed_host"
    assert says("https://www.wikipedia.org/wiki/Casino") is None
    assert url_list(SAMPLE).hosts
    digest = sha256(Path(SAMPLE).read_bytes()).hexdigest()[:16]
    assert (ListedUrl.version, digest) == (1, "21e4ba571e2c5940"), "another sample: raise the version"


def test_lists_that_would_sweep_or_cannot_be_read_are_refused_entry_by_entry(tmp_path: Path):
    path = tmp_path / "urls.txt"
    path.write_text("com\nco.uk\nhttp://bad.com/\n/(/\n/a*/\nfine.com\n")
    with pytest.raises(ValueError, match="no RE2 pattern") as caught:
        url_list(str(path))
    said = str(caught.value)
    assert "'co.uk' is a public suffix" in said
    assert "'com' is a public suffix" in said
    assert "'http://bad.com/' is no host; write example.com" in said
    assert "/a*/ meets every URL" in said
    assert "fine.com" not in said
