"""`winnow mix …` from domains to a page, as a user types it."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline import lock
from pipeline.cli import main
from tests.cli.command import loaded
from tests.mixtures import worlds

MIXTURE = "runs: runs.csv\nlosses: losses.csv\ndomains: domains.yaml\nbudget: 10B\nfit: fit.json\nrefits: 20\nsamples: 300\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    worlds.write(tmp_path, worlds.runs(30))
    (tmp_path / "mixture.yaml").write_text(MIXTURE)
    return tmp_path


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["mix", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_from_domains_to_a_page(folder: Path):
    assert "12 mixtures of 4 domains" in call("propose", "domains.yaml", "-n", "12")
    assert "5 mixtures" in call(
        "propose",
        "domains.yaml",
        "-n",
        "5",
        "--design",
        "optimal",
        "--runs",
        "runs.csv",
        "--losses",
        "losses.csv",
        "-o",
        "next.csv",
    )
    assert (folder / "next.csv").read_text(encoding="utf-8").splitlines()[1].startswith("31,")
    fitted = call("fit", "runs.csv", "losses.csv", "--test", "runs.csv", "losses.csv")
    assert "reading" in fitted
    assert "took no part" in fitted
    assert "CPU seconds: exponential" in fitted
    solved = call("solve", "mixture.yaml")
    assert "← stands" in solved
    assert sum(one.share for one in lock.read("mixture.lock.json").groups.values()) == pytest.approx(1)
    call("report", "mixture.lock.json", "--fit", "fit.json")
    page = (folder / "mixture.html").read_text(encoding="utf-8")
    for said in ("书籍", "Shares with spread against the prior", "Predicted against true losses", "Learning curves",
                 "Effect of each domain", "near-optimal"):  # fmt: skip
        assert said in page
    assert page.count("<svg") == 5
    call("report", "mixture.lock.json", "-o", "short.html")


def test_a_fit_of_other_tables_is_refused(folder: Path):
    call("fit", "runs.csv", "losses.csv")
    worlds.write(folder, worlds.runs(30, seed=3))
    assert "was made from other tables" in call("solve", "mixture.yaml", code=2)


@pytest.mark.parametrize(
    ("text", "said"), [("{", "is no JSON"), ("[]", "is no fit, it has no 'digests'"), ("{}", "is no fit")]
)
def test_what_is_no_fit_is_refused(folder: Path, text: str, said: str):
    (folder / "fit.json").write_text(text, encoding="utf-8")
    assert f"fit.json: {said}" in call("solve", "mixture.yaml", code=2)


def test_a_file_for_which_there_is_no_folder_is_refused_before_anything_is_fitted(folder: Path):
    said = call("fit", "runs.csv", "losses.csv", "-o", "no/fit.json", code=2)
    assert "there is no folder 'no'; make it" in said
    assert "rank correlation" not in said


def test_the_report_refuses_a_fit_of_other_tables_and_a_lock_without_spreads(folder: Path):
    call("fit", "runs.csv", "losses.csv")
    call("solve", "mixture.yaml")
    worlds.write(folder, worlds.runs(30, seed=3))
    call("fit", "runs.csv", "losses.csv", "-o", "other.json")
    said = call("report", "mixture.lock.json", "--fit", "other.json", code=2)
    assert "other.json: was made from another runs.csv than mixture.lock.json" in said
    lock.write("plain.lock.json", lock.Lock({"web": lock.Group(1.0, 10, 1.0)}))
    assert "plain.lock.json: has no 'spread'" in call("report", "plain.lock.json", code=2)


def test_test_tables_are_read_before_anything_is_fitted(folder: Path):
    (folder / "test.csv").write_text("run,web\n1,1\n", encoding="utf-8")
    said = call("fit", "runs.csv", "losses.csv", "--test", "test.csv", "losses.csv", code=2)
    assert "test.csv: domain '书籍' has no column" in said
    assert "rank correlation" not in said


def test_what_is_missing_is_named_with_its_extra(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "plan.yaml").write_text("mixtures: runs.csv\ntokens: [t]\nvocabulary: 16\noutput: out\n")
    for module in ("torch", "lightgbm"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "mixtures.language_model", raising=False)
    assert "needs torch: pip install 'winnow[models]'" in call("proxies", "plan.yaml", code=2)
    assert "needs lightgbm: pip install 'winnow[mix]'" in call("fit", "runs.csv", "losses.csv", code=2)


def test_kept_ratios_are_taken_from_a_lock(folder: Path):
    groups = {name: lock.Group(0.25, 1, 1.0) for name in worlds.NAMES}
    lock.write("text.lock.json", lock.Lock(groups))
    lines = (folder / "domains.yaml").read_text(encoding="utf-8").replace("0.25", "0.125")
    (folder / "two.yaml").write_text(lines + "  - {name: pairs, tokens: 1B, prior: 0.5, group: image}\n")
    call("propose", "two.yaml", "-n", "5", "--keep", "text", "text.lock.json")
    for line in (folder / "proxies.csv").read_text(encoding="utf-8").splitlines()[1:]:
        shares = [float(one) for one in line.split(",")[1:]]
        assert shares[:4] == pytest.approx([(1 - shares[4]) / 4] * 4)
    assert "no domain is of group 'txt'; did you mean 'text'?" in call(
        "propose", "two.yaml", "--keep", "txt", "text.lock.json", code=2
    )


def test_noise_is_refused_unless_forced_and_the_lock_says_so(folder: Path):
    losses = (folder / "losses.csv").read_text(encoding="utf-8").splitlines()
    values = [line.split(",", 1)[1] for line in losses[1:]]
    shuffled = [f"{run},{values[(run * 7 + 3) % 30]}" for run in range(30)]  # right numbers, wrong runs
    (folder / "losses.csv").write_text("\n".join([losses[0], *shuffled]) + "\n", encoding="utf-8")
    assert "say nothing about" in call("fit", "runs.csv", "losses.csv")
    assert "solve with --force" in call("solve", "mixture.yaml", code=2)
    call("solve", "mixture.yaml", "--force")
    assert lock.read("mixture.lock.json").more["forced"] is True
    call("report", "mixture.lock.json")
    assert "Solved by --force" in (folder / "mixture.html").read_text(encoding="utf-8")


def test_mistakes_end_with_2_and_their_place(folder: Path):
    (folder / "runs.csv").write_text("run,web,书籍,code,math\n0,1,1,0,0\n", encoding="utf-8")
    assert "runs.csv:2: the shares of run '0' sum to 2.0000" in call("fit", "runs.csv", "losses.csv", code=2)
    assert "give --runs and --losses together" in call(
        "propose", "domains.yaml", "--runs", "runs.csv", code=2
    )


def test_help_loads_no_mathematics():
    heavy = ("mixtures", "numpy", "scipy", "cvxpy", "lightgbm", "torch")
    assert loaded("mix", "--help", among=heavy) == []
