"""Where a document comes from, as a registered domain, and which entry of a list of hosts and patterns that meets."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from os.path import dirname, join
from typing import NamedTuple

import publicsuffixlist
import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList

from pipeline.data.files import Paths, matching
from pipeline.data.lists import entries_of

SAMPLE = join(dirname(__file__), "urls.txt")
SCHEME = r"^(?i:[a-z][a-z0-9+.-]*:)?//"  # or none: //example.com
HOST = SCHEME + r"(?:[^/?#\\@]*@)?(?P<host>\[[^\]]*\]|[^/?#\\:@]*)"  # RFC 3986, 3.2; \ as browsers read it


class UrlList(NamedTuple):
    """A list's entries by kind, each as it is written there."""

    hosts: frozenset[str]
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class ListedUrl:
    """domain: the registered domain of the document's URL (`bbc.co.uk`), or its host where it has none, such as an address;
    listed: the entry that it meets, a host before a pattern. Both are null without a URL, `listed` also where none is met.

    An entry is a host, met by itself and all hosts below it, or an RE2 pattern between slashes, met anywhere in the URL.
    Suffixes are those of the public suffix list in publicsuffixlist, whose version is part of the key.
    """

    lists: str | tuple[str, ...] = ()  # files, patterns, folders; none: the sample that ships
    suffixes: str = ""  # version of the public suffix list; filled in

    reads = ("url",)
    files = ("lists",)
    columns = pa.schema([("domain", pa.string()), ("listed", pa.string())])
    version = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "suffixes", publicsuffixlist.__version__)

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        urls = documents["url"]
        known = url_list(self.lists or SAMPLE)
        hosts = pc.dictionary_encode(hosts_of(urls))
        names = [in_letters_of_dns(name) for name in hosts.dictionary.to_pylist()]
        domains = pa.array([registered(name) for name in names], pa.string()).take(hosts.indices)
        listed = pa.array([first_listed(name, known.hosts) for name in names], pa.string()).take(
            hosts.indices
        )
        for pattern in known.patterns:
            meets = pc.match_substring_regex(urls, pattern[1:-1], ignore_case=True)
            listed = pc.if_else(pc.and_(meets, pc.is_null(listed)), pattern, listed)
        return pa.RecordBatch.from_arrays([domains, listed], schema=self.columns)


def hosts_of(urls: pa.StringArray) -> pa.StringArray:
    """The host of each URL in lower case, without the dot that may end it; null where there is none.

    "example.com/page" has one too. A name before @ is no host, a port behind it no part of it.
    """
    complete = pc.if_else(
        pc.match_substring_regex(urls, SCHEME), urls, pc.binary_join_element_wise("//", urls, "")
    )
    hosts = pc.struct_field(pc.extract_regex(complete, HOST), "host")
    hosts = pc.utf8_rtrim(pc.utf8_lower(hosts), ".")
    return pc.if_else(pc.equal(hosts, ""), pa.scalar(None, pa.string()), hosts)


@cache
def suffix_list() -> PublicSuffixList:
    """The list that the package brings; nothing is fetched."""
    return PublicSuffixList()


@cache
def country_suffixes() -> PublicSuffixList:
    """The part of it that registries keep (com, co.uk), without the hosts of many sites (github.io)."""
    return PublicSuffixList(only_icann=True)


def in_letters_of_dns(host: str) -> str:
    """A host as DNS asks for it: 例子.中国 as xn--fsqu00a.xn--fiqs8s; what cannot be written so stays."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def registered(host: str) -> str:
    """bbc.co.uk of news.bbc.co.uk; the host itself where it is a suffix, an address or no name at all."""
    if host.startswith("[") or host.replace(".", "").isdigit():
        return host
    return suffix_list().privatesuffix(host) or host


def above(host: str) -> Iterator[str]:
    """a.b.c, b.c, c."""
    while host:
        yield host
        _, _, host = host.partition(".")


def first_listed(host: str, known: frozenset[str]) -> str | None:
    """The most exact entry that a host meets."""
    return next((name for name in above(host) if name in known), None)


def url_list(paths: Paths) -> UrlList:
    """The lists in files, as one. ValueError with every entry that is neither a host nor a pattern, or would sweep whole suffixes."""
    lists = [sorted_list(path, entries_of(path)) for path in matching(paths)]
    hosts = frozenset[str]().union(*(one.hosts for one in lists))
    return UrlList(hosts, tuple(dict.fromkeys(pattern for one in lists for pattern in one.patterns)))


@lru_cache(maxsize=8)
def sorted_list(path: str, lines: tuple[str, ...]) -> UrlList:
    patterns = tuple(line for line in lines if line.startswith("/") and line.endswith("/") and len(line) > 2)
    hosts = frozenset(in_letters_of_dns(line.lower().strip(".")) for line in lines if line not in patterns)
    said = [*filter(None, map(wrong_pattern, patterns)), *filter(None, map(wrong_host, sorted(hosts)))]
    if said:
        raise ValueError("\n".join(f"{path}: {message}" for message in said))
    return UrlList(hosts, patterns)


def wrong_pattern(pattern: str) -> str | None:
    try:
        empty = pc.match_substring_regex(pa.array([""]), pattern[1:-1])[0].as_py()
    except pa.ArrowInvalid as error:
        return f"{pattern} is no RE2 pattern ({error})"
    return f"{pattern} meets every URL; say more" if empty else None


def wrong_host(host: str) -> str | None:
    if any(sign in host for sign in "/:?#@* \t"):
        return f"'{host}' is no host; write example.com, or a pattern between slashes"
    if country_suffixes().publicsuffix(host) == host:
        return (
            f"'{host}' is a public suffix: every site below it would go; name the sites, or write a pattern"
        )
    return None
