"""`winnow demo`: a small corpus from this machine's own Python, and a whole run on it.

Below the folder that is named: `raw/` (documentation, licences, package descriptions, our zh and en sample),
`tokenizer.json`, `recipe.yaml`, and `out/`, which the run makes. No module is imported to read its docstrings.
"""

import ast
import gzip
import os
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator
from importlib import metadata, resources
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from sysconfig import get_path
from typing import Any

import click
import orjson
import zstandard

Record = dict[str, Any]

# Whose docstrings are harvested, beside the standard library's.
PACKAGES = ("click", "numpy", "pyarrow", "rich")
NOT_DOCUMENTATION = {"idlelib", "lib2to3", "site-packages", "dist-packages", "test", "tests"}
RECORDS_A_FILE = 2_500
END_TOKEN = "<|endoftext|>"  # noqa: S105  # no password
TRAINING_BYTES = 3_000_000  # about three seconds of training
END = b"\n"

RECIPE = """\
# Written by `winnow demo`. Change a limit and run it again: winnow run {folder}/recipe.yaml
inputs:
  - {{source: docs, path: '{folder}/raw/docs'}}
  - {{source: licences, path: '{folder}/raw/licences'}}
  - {{source: metadata, path: '{folder}/raw/metadata', text: description, columns: {{licence: string}}}}
  - {{source: sample-zh, path: '{folder}/raw/sample-zh'}}
  - {{source: sample-en, path: '{folder}/raw/sample-en'}}
stages:
  - refinedweb_lines: {{where: {{source: metadata}}}}
  - gopher_quality: {{where: {{source: [docs, licences, metadata, sample-en]}}}}
  - chinese_quality: {{where: {{source: sample-zh}}}}
  - exact_duplicates
  - sample: {{epochs: {{sample-zh: 2.5}}}}
output:
  path: '{folder}/out'
  tokenizer: '{folder}/tokenizer.json'
  pack_tokens: 2048
"""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="winnow-demo")
@click.pass_context
def demo(context: click.Context, folder: Path) -> None:
    """Make a small corpus from this machine in FOLDER (default: winnow-demo) and run a recipe on it.

    \b
      winnow demo              a minute at most; needs no network
      winnow demo /tmp/demo    in another folder
    """
    from pipeline.cli import fail
    from pipeline.cli.run import run

    if folder.exists() and any(folder.iterdir()) and not (folder / "recipe.yaml").exists():
        fail(f"{folder}: holds other things; name an empty folder or a new one")
    prepare(folder)
    context.invoke(run, recipe=str(folder / "recipe.yaml"))
    click.echo("\nTry next:")
    for line in next_steps(folder):
        click.echo(f"  {line}")


def prepare(folder: Path) -> None:
    """All that the run reads. A recipe that was edited, and a tokenizer, stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "recipe.yaml").exists():
        write(folder / "recipe.yaml", recipe(folder).encode())
    click.echo(f"Harvesting text from this machine into {folder / 'raw'}", err=True)
    harvest(folder)
    if not (folder / "tokenizer.json").exists():
        click.echo("Training a small tokenizer on it", err=True)
        train_tokenizer(texts(folder), folder / "tokenizer.json")


def recipe(folder: Path) -> str:
    """The demo's recipe, as YAML."""
    return RECIPE.format(folder=folder.as_posix().replace("'", "''"))


def next_steps(folder: Path) -> list[str]:
    """Three commands to try on what the run wrote."""
    out, winnow = folder / "out", command()
    return [
        f"{winnow} why {dropped(out)} --in {out}",
        f"{winnow} account {out}",
        f"{winnow} recipe show {folder / 'recipe.yaml'}",
    ]


def command() -> str:
    """How this very command is called from here: by name where the shell finds it, else by its place."""
    if shutil.which("winnow") or not os.path.exists(sys.argv[0]):
        return "winnow"
    return os.path.relpath(sys.argv[0])


def dropped(out: Path) -> str:
    """The id of a dropped document, of a duplicate if there is one."""
    from pipeline import ledger

    finished = ledger.open_run(str(out))
    tables = [finished.decisions(piece, ["id", "stage"]) for piece in finished.pieces]
    rows = [row for table in tables for row in table.to_pylist()]
    found = max(rows, key=lambda row: (row["stage"] == "exact_duplicates", row["stage"] is not None))
    return bytes(found["id"]).hex()


# Raw shards


def harvest(folder: Path) -> None:
    """Write raw shards of several forms below `folder`/raw, always in the same order and with the same bytes.

    A file that would not change is not touched.
    """
    raw = folder / "raw"
    documentation = docstrings()
    for number, first in enumerate(documentation):
        records = [first, *islice(documentation, RECORDS_A_FILE - 1)]
        write(raw / "docs" / f"{number:03}.jsonl", jsonl(records))
    write(raw / "docs" / "topics.jsonl.gz", gzip.compress(jsonl(topics()), mtime=0))
    write(raw / "metadata" / "packages.jsonl.zst", zstandard.compress(jsonl(descriptions())))
    for path, text in licences():
        write(raw / "licences" / path, text)
    for source in ("sample-zh", "sample-en"):
        write(raw / source / "sample.jsonl", END.join([*planted(sample(source)), b""]))


def write(path: Path, content: bytes) -> None:
    """The file, unless it already has this content."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def jsonl(records: Iterable[Record]) -> bytes:
    return b"".join(orjson.dumps(record) + END for record in records)


def docstrings() -> Iterator[Record]:
    """A record for each documented module, class (its methods with it) and function of the installed Python."""
    for root in roots():
        for path in sorted(root.rglob("*.py")):
            within = path.relative_to(root)
            if NOT_DOCUMENTATION.isdisjoint(within.parts):
                for name, text in documented(path.read_bytes()):
                    yield {"text": text, "url": f"{root.name}/{within.as_posix()}#{name}"}


def roots() -> list[Path]:
    """The folders of the standard library and of PACKAGES; specs are found without importing anything."""
    specs = [spec for name in PACKAGES if (spec := find_spec(name))]
    return [Path(get_path("stdlib")), *(Path(spec.origin).parent for spec in specs if spec.origin)]


def documented(source: bytes) -> Iterator[tuple[str, str]]:
    """(name, text) of what has a docstring in a file; nothing where it was written for another Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old escapes in other people's strings
        try:
            module = ast.parse(source)
        except SyntaxError:
            return
    if text := ast.get_docstring(module):
        yield "", text
    for node in definitions(module):
        methods = definitions(node) if isinstance(node, ast.ClassDef) else []
        if found := [text for one in (node, *methods) if (text := ast.get_docstring(one))]:
            yield node.name, "\n\n".join(found)


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def definitions(node: ast.Module | ast.ClassDef) -> list[Definition]:
    """The classes and functions directly in a module or class."""
    return [one for one in node.body if isinstance(one, Definition)]


def topics() -> Iterator[Record]:
    """The language reference that `help()` prints, where this Python has it."""
    spec = find_spec("pydoc_data")
    for folder in (spec and spec.submodule_search_locations) or ():
        for node in ast.parse((Path(folder) / "topics.py").read_bytes()).body:
            if isinstance(node, ast.Assign):
                found: dict[str, str] = ast.literal_eval(node.value)
                yield from ({"text": text, "url": f"help/{name}"} for name, text in sorted(found.items()))


def distributions() -> list[tuple[str, metadata.Distribution]]:
    """(name, distribution) of everything installed, by name; of two of one name the first on the path."""
    found: dict[str, metadata.Distribution] = {}
    for one in metadata.distributions():
        found.setdefault(one.name.lower().replace("_", "-"), one)
    return sorted(found.items())


def descriptions() -> Iterator[Record]:
    """The page that each installed package shows of itself, with its licence."""
    for name, one in distributions():
        said = one.metadata.json
        if said.get("description"):
            licence = said.get("license_expression") or said.get("license") or ""
            yield {
                "description": said["description"],
                "url": f"package/{name}/{one.version}",
                "licence": str(licence).partition("\n")[0][:80],
            }


def licences() -> Iterator[tuple[str, bytes]]:
    """(path, content) of the licence files of installed packages: many are copies or nearly so."""
    for name, one in distributions():
        for file in sorted(one.files or (), key=str):
            path = Path(str(one.locate_file(file)))
            if file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE")) and path.is_file():
                inside = "--".join(part for part in file.with_suffix("").parts if part != "..")
                yield f"{name}/{inside}.txt", path.read_bytes()


def sample(source: str) -> list[Record]:
    """Our own documents of one source, as written in demo_sample.jsonl (CC0)."""
    lines = (resources.files("pipeline.cli") / "demo_sample.jsonl").read_bytes().splitlines()
    ours = [one for one in map(orjson.loads, lines) if one["source"] == source]
    return [{"text": one["text"], "url": f"sample/{one['title']}"} for one in ours]


def planted(records: list[Record]) -> list[bytes]:
    """The records as lines, with copies among them and every kind of line that a reader must refuse."""
    lines = [orjson.dumps(record) for record in records]
    second, third = records[1:3]
    return [
        *lines,
        lines[0],
        orjson.dumps({"text": "  " + second["text"].replace("\n", "\n\n") + "\n", "url": "sample/spaced"}),
        lines[2][: len(lines[2]) // 2],
        orjson.dumps({"text": f"{third['text'][:40]}\0{third['text'][40:]}"}),
        orjson.dumps({"text": ""}),
        orjson.dumps({"text": None}),
        orjson.dumps({"title": "no text at all"}),
        orjson.dumps({"text": "@"}).replace(b"@", "中文 café".encode("gb18030")),
    ]


# Tokenizer


def texts(folder: Path) -> Iterator[str]:
    """Texts of the plain shards: our sample first, then documentation, up to TRAINING_BYTES of them."""
    left = TRAINING_BYTES
    for path in sorted((folder / "raw").rglob("*.jsonl"), reverse=True):
        for line in path.read_bytes().splitlines():
            if left > 0 and (text := text_of(line)):
                left -= len(line)
                yield text


def text_of(line: bytes) -> str:
    """The text of a line, or none of a planted one."""
    try:
        return str(orjson.loads(line)["text"] or "")
    except (orjson.JSONDecodeError, KeyError):
        return ""


def train_tokenizer(texts: Iterable[str], path: Path) -> None:
    """Write a byte-level BPE tokenizer of at most 8,192 ids, END_TOKEN the first of them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=8192,
        special_tokens=[END_TOKEN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    path.write_text(tokenizer.to_str(), encoding="utf-8")
