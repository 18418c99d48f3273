"""domains.yaml and mixture.yaml: mistakes with their lines, and the lock that comes out."""

import json
from pathlib import Path

import pytest

from mixtures import domains, plan, space
from pipeline import forms, lock
from pipeline.forms import FormError
from tests.mixtures import worlds

MIXTURE = """runs: runs.csv
losses: losses.csv
domains: domains.yaml
budget: 10B
kl: 0
refits: 20
samples: 300
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    worlds.write(tmp_path, worlds.runs(30))
    return tmp_path


def solve(folder: Path, text: str, name: str = "mixture.yaml") -> lock.Lock:
    (folder / name).write_text(text, encoding="utf-8")
    task = plan.read(name)
    return plan.carry_out(task, plan.choices(task))[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("domains:\n  - {name: a, tokens: 5B}\n  - {name: b, tokens: 0, min: 0.1}\n", "d.yaml:3: domains.domains[1]: 'b' has 0 tokens but min 0.1"),
        ("domains:\n  - {name: a, tokens: 5X}\n", "d.yaml:2: domains.domains[0]: tokens: '5X' is no count; write it like 64000000"),
        ("domains:\n  - {name: a, tokens: 5B, min: 0.5, max: 0.4}\n", "d.yaml:2: domains.domains[0]: 'a': min 0.5 and max 0.4"),
        ("domains:\n  - {name: a, tokens: 1, prior: 0.5}\n  - {name: b, tokens: 1}\n", "'b' has no prior while others have one"),
        ("domains:\n  - {name: a, tokens: 1, prior: 0.5}\n  - {name: b, tokens: 1, prior: 0.4}\n", "the priors sum to 0.9000"),
        ("domains:\n  - {name: a, tokens: 1}\n  - {name: a, tokens: 1}\n", "'a' stands twice"),
        ("domains:\n  - {name: a, token: 1}\n", "unknown field 'token'; did you mean 'tokens'?"),
    ],
)  # fmt: skip
def test_mistakes_in_domains_are_named_with_their_line(folder: Path, text: str, said: str):
    (folder / "d.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FormError) as error:
        domains.read("d.yaml")
    assert said in str(error.value)
    assert str(error.value).startswith("d.yaml:")


def test_tokens_are_read_as_people_write_them(folder: Path):
    (folder / "d.yaml").write_text("domains:\n  - {name: a, tokens: 1.5T}\n  - {name: b, tokens: 500B}\n")
    found = domains.read("d.yaml")
    assert [one.tokens for one in found.domains] == [1_500_000_000_000, 500_000_000_000]
    assert found.prior.tolist() == [0.75, 0.25]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("targets: {reeding: 1}\n", "mixture.yaml:8: mixture.targets: no target is called 'reeding'; did you mean 'reading'?"),
        ("groups: {image: {share: 0.4}}\n", "mixture.yaml:8: mixture.groups: no group is called 'image'"),
        ("groups:\n  text: {share: 0.4, min: 0.1}\n", "mixture.yaml:9: mixture.groups.text: give share, or min and max"),
        ("seeds: 3\n", "mixture.yaml:8: mixture: unknown field 'seeds'; did you mean 'seed'?"),
        ("fit: nope.json\n", "mixture.yaml:8: mixture.fit: there is no file 'nope.json'; paths are relative to the current directory"),
        ("keep:\n  text: nope.lock.json\n", "mixture.yaml:9: mixture.keep.text: there is no file 'nope.lock.json'"),
        ("output: no/such.json\n", "mixture.yaml:8: mixture.output: there is no folder 'no'; make it"),
        ("targets: {reading: -1}\n", "weights of targets must be 0 or more"),
    ],
)  # fmt: skip
def test_mistakes_in_a_mixture_are_named_with_their_line(folder: Path, more: str, said: str):
    with pytest.raises(FormError) as error:
        solve(folder, MIXTURE + more)
    assert said in str(error.value)


def test_the_lock_says_what_a_training_needs_and_where_it_comes_from(folder: Path):
    found = solve(folder, MIXTURE)
    assert sum(one.share for one in found.groups.values()) == pytest.approx(1, abs=1e-8)
    for one in found.groups.values():
        assert one.tokens == pytest.approx(one.share * 10**10, abs=1)
        assert one.epochs == pytest.approx(one.tokens / (50 * 10**9), abs=1e-8)
    assert set(found.digests) == {"runs.csv", "losses.csv", "domains.yaml", "mixture.yaml"}
    assert all(one.startswith("sha256:") for one in found.digests.values())
    assert {"winnow", "numpy", "lightgbm", "clarabel"} <= set(found.versions)
    assert set(found.more["methods"]) == {"exact", "simulated"}
    assert found.by == "source"


def test_the_same_plan_gives_the_same_bytes(folder: Path):
    assert lock.dumps(solve(folder, MIXTURE)) == lock.dumps(solve(folder, MIXTURE))


@pytest.mark.parametrize("step", ["text", "multimodal", "regmix"])
def test_the_shipped_examples_are_plans(step: str):
    """What they name beside domains is the user's own; their fields and domains are checked."""
    place = Path(plan.__file__).parent / "examples"
    form = forms.load((place / f"{step}.mixture.yaml").read_text(encoding="utf-8"), step)
    made = forms.build(plan.Plan, form, "mixture")
    found = domains.read(str(place / made.domains))
    keep = (
        {"text": dict.fromkeys([one.name for one in found.domains if one.group == "text"], 0.2)}
        if made.keep
        else {}
    )
    allowed = space.build(found, found.names, made.budget, made.groups, keep)
    assert len(allowed.parts) == {"text": 5, "multimodal": 4, "regmix": 17}[step]


def test_text_first_then_multimodal_keeps_the_first_steps_ratios(folder: Path):
    """Step two adds an image source whose runs know text as one; text is held at 40 % with step one's ratios inside."""
    first = solve(folder, MIXTURE)
    lock.write("text.lock.json", first)
    runs = worlds.runs(30, seed=5)
    header = ",".join(["run", *worlds.NAMES, "pairs", "ocr"])
    rows = []
    for run, row in enumerate(runs.shares.tolist()):
        text, pairs = 0.2 + 0.6 * row[0], 0.7 * row[1]
        shares = [text * first.groups[name].share for name in worlds.NAMES]
        rows.append(",".join(map(repr, [run, *shares, (1 - text) * pairs, (1 - text) * (1 - pairs)])))
    (folder / "runs2.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    losses = [
        f"{run},{3 - 0.8 * float(row.split(',')[5]) + 0.3 * float(row.split(',')[1])}"
        for run, row in enumerate(rows)
    ]
    (folder / "losses2.csv").write_text("\n".join(["run,vqa", *losses]) + "\n")
    (folder / "domains2.yaml").write_text(
        (folder / "domains.yaml").read_text().replace("prior: 0.25", "prior: 0.2")
        + "".join(
            f"  - {{name: {name}, tokens: 50B, prior: 0.1, group: image-text}}\n" for name in ("pairs", "ocr")
        )
    )
    second = solve(folder, MIXTURE.replace("runs.csv", "runs2.csv").replace("losses.csv", "losses2.csv")
                   .replace("domains.yaml", "domains2.yaml") + "groups: {text: {share: 0.4}}\nkeep: {text: text.lock.json}\n", "two.yaml")  # fmt: skip
    for name in worlds.NAMES:
        assert second.groups[name].share == pytest.approx(0.4 * first.groups[name].share, abs=1e-6)
    assert second.groups["pairs"].share > second.groups["ocr"].share
    assert "group text: share 0.4" in json.dumps(second.more["binding"])
    assert "text.lock.json" in second.digests
