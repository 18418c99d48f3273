"""The end of a test run: what ran on real things, and in red what did not run and what to install for it.

A test names the real thing that it talks to: `@pytest.mark.engine("Flink")` runs in `make test`,
`@pytest.mark.real("Prism")` in `make real`. Where the machine lacks the thing's programs the test is skipped
by name. A skip for another reason says `not run: needs …` itself.
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Thing:
    suite: str  # the marker that its tests carry
    programs: tuple[str, ...] = ()  # all of them on PATH
    cure: str = ""

    def lacks(self) -> str:
        """What this machine lacks for it and what to do, or nothing."""
        missing = [program for program in self.programs if shutil.which(program) is None]
        return f"needs {' and '.join(missing)} ({self.cure})" if missing else ""


JAVA = ("java", "javac", "mvn"), "apt-get install default-jdk-headless maven"
GO = ("go",), "apt-get install golang, or go.dev/dl"

THINGS = {
    "Flink": Thing("engine", *JAVA),
    "Pulsar": Thing("engine", *JAVA),
    "Prism": Thing("real", *GO),
    "portable job service": Thing("real"),
    "Dataflow's translation": Thing("real"),
    "S3": Thing("real", *GO),
    "Kubernetes": Thing("real", ("go", "openssl"), "apt-get install golang openssl"),
    "vLLM": Thing("real"),
    "torch": Thing("real"),
    "trainers' readers": Thing("real"),
    "Chromium": Thing("real", ("chromium",), "apt-get install chromium"),
}
SUITES = ("real", "soak")  # may be empty: `-m real` without a test is no mistake, and is said


def named(item: pytest.Item) -> list[str]:
    """The things that a test talks to."""
    return [mark.args[0] for suite in ("engine", "real") for mark in item.iter_markers(suite)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.user_properties += [("thing", name) for name in named(item)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in named(item):
        if lack := THINGS[name].lacks():
            pytest.skip(f"not run: {name}: {lack}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.option.markexpr in SUITES:
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    stats = terminalreporter.stats
    ran = Counter(things_of(report for outcome in ("passed", "failed") for report in stats.get(outcome, ())))
    skips = Counter(reason_of(report) for report in stats.get("skipped", ()))
    lines = [f"{reason} [{count} tests]" for reason, count in skips.items()]
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        lines += without_tests(config.option.markexpr, {*ran, *things_of(stats.get("skipped", ()))})
    if ran:
        terminalreporter.section("run on")
        for name, count in ran.items():
            terminalreporter.write_line(f"{name}: {count} tests", green=True)
    if lines:
        terminalreporter.section("not run", red=True)
        for line in lines:
            terminalreporter.write_line(f"not run: {line}", red=True)


def things_of(reports: Iterable[pytest.TestReport]) -> list[str]:
    return [
        value
        for report in reports
        for key, value in report.user_properties
        if key == "thing" and report.when != "teardown"
    ]


def reason_of(report: pytest.TestReport) -> str:
    """Why a test was skipped, in its own words."""
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return words.removeprefix("Skipped: ").removeprefix("not run: ")


def without_tests(chosen: str, seen: set[str]) -> list[str]:
    """The things of this suite that no test talks to yet; `make soak` has none."""
    suite = {"real": "real", "soak": "none"}.get(chosen, "engine")
    waiting = [(name, thing) for name, thing in THINGS.items() if thing.suite == suite and name not in seen]
    return [
        f"{name}: no test talks to it yet" + (f", and one {lack}" if (lack := thing.lacks()) else "")
        for name, thing in waiting
    ]
