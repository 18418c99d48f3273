"""Plans: what mixture.yaml asks for, checked with line numbers, and what it becomes: choices, space, lock."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from mixtures import domains as sources
from mixtures import record, solve, space, tables
from mixtures.choice import Choice, choose
from mixtures.domains import Domains
from mixtures.space import Group
from pipeline import forms, lock

VERSIONS = ("winnow", "numpy", "scipy", "lightgbm", "cvxpy", "clarabel")


@dataclass(frozen=True)
class Plan:
    """A mixture to solve for. Paths are relative to the current directory."""

    runs: str  # table of shares
    losses: str  # table of losses
    domains: str  # domains.yaml
    budget: forms.Count  # of the training
    targets: Mapping[str, float] = field(default_factory=dict)  # weights; without any, all count alike
    groups: Mapping[str, Group] = field(default_factory=dict)  # group of domains → bounds on its share
    keep: Mapping[str, str] = field(default_factory=dict)  # group → lock whose ratios stay inside it
    kl: float = 0.05  # weight of KL(mixture ‖ prior); Olmix
    fit: str = ""  # what `winnow mix fit` wrote; without it, laws are chosen again
    by: str = "source"  # the column of a recipe whose values are the domains
    seed: int = 0
    refits: int = 200
    samples: int = 10_000  # mixtures that a round of the simulation draws
    output: str = "mixture.lock.json"

    def __post_init__(self) -> None:
        if self.budget <= 0:
            raise ValueError(f"budget {self.budget} must be above 0")
        if not (math.isfinite(self.kl) and self.kl >= 0):
            raise ValueError(f"kl {self.kl} must be 0 or more")
        if self.refits < 20:
            raise ValueError(f"refits {self.refits} are too few for a spread of 90 %; take 20 or more")
        if self.samples < 100:
            raise ValueError(f"samples {self.samples} are too few to search with; take 100 or more")
        if any(not (math.isfinite(one) and one >= 0) for one in self.targets.values()) or (
            self.targets and not sum(self.targets.values())
        ):
            raise ValueError("weights of targets must be 0 or more, and one above 0")


@dataclass(frozen=True)
class Task:
    """A plan with everything it names read and checked."""

    plan: Plan
    runs: tables.Runs
    domains: Domains
    weights: Mapping[str, float]
    allowed: space.Space
    digests: Mapping[str, str]


def read(path: str) -> Task:
    """mixture.yaml and what it names. Raises FormError, TableError, LockError, InfeasibleError."""
    form = forms.load(Path(path).read_text(encoding="utf-8"), path)
    plan = forms.build(Plan, form, "mixture")
    check_files(plan, form)
    domains = sources.read(plan.domains)
    runs = tables.read_runs(plan.runs, plan.losses, domains.names)
    groups = {one.group for one in domains.domains}
    mistakes = forms.Mistakes()
    for key, names, known in (
        ("groups", plan.groups, groups),
        ("keep", plan.keep, groups),
        ("targets", plan.targets, set(runs.targets)),
    ):
        what = "target" if key == "targets" else "group"
        mistakes += [
            form[key][name].mistake(
                f"mixture.{key}: no {what} is called '{name}'; {forms.suggest(name, sorted(known))}"
            )
            for name in names
            if name not in known
        ]
    mistakes.stop()
    if plan.kl and (
        none := [name for name, share in zip(domains.names, domains.prior, strict=True) if not share]
    ):
        raise forms.FormError(
            [
                form.mistake(
                    f"mixture: '{none[0]}' has prior 0, and no distance to it; give it a prior, or set kl: 0"
                )
            ]
        )
    weights = {name: one for name, one in plan.targets.items() if one} or dict.fromkeys(runs.targets, 1.0)
    keep = {group: sources.ratios(file, group, domains) for group, file in plan.keep.items()}
    allowed = space.build(domains, domains.names, plan.budget, plan.groups, keep)
    files = [path, plan.domains, *plan.keep.values(), *([plan.fit] if plan.fit else [])]
    return Task(
        plan,
        runs,
        domains,
        weights,
        allowed,
        {**runs.digests, **{one: tables.digest(one) for one in files}},
    )


def check_files(plan: Plan, form: forms.Form) -> None:
    """Raise FormError for files that are not there, and for an output without a folder, before anything is learnt."""
    relative = "paths are relative to the current directory"
    named = [(form[key], key) for key in ("runs", "losses", "domains", *(["fit"] if plan.fit else []))]
    named += [(form["keep"][group], f"keep.{group}") for group in plan.keep]
    mistakes = forms.Mistakes(
        one.mistake(f"mixture.{key}: there is no file '{one.value}'; {relative}")
        for one, key in named
        if not Path(one.value).is_file()
    )
    if not Path(plan.output).parent.is_dir():
        folder = Path(plan.output).parent
        mistakes.append(form["output"].mistake(f"mixture.output: there is no folder '{folder}'; make it"))
    mistakes.stop()


def choices(task: Task) -> tuple[Choice, ...]:
    """The laws chosen by `fit`, or now, for the targets that have a weight."""
    if task.plan.fit:
        return record.read(task.plan.fit, task.runs, task.weights)
    return tuple(choose(task.runs.only(task.weights), task.plan.seed))


def carry_out(task: Task, chosen: Sequence[Choice], force: bool = False) -> tuple[solve.Solution, lock.Lock]:
    """Solve, and write up. Raises UnknownError unless forced."""
    if not force:
        solve.refuse_unknown(chosen, task.weights)
    plan = task.plan
    aims = solve.aims(task.runs, chosen, task.weights)
    effort = solve.Effort(plan.seed, plan.refits, plan.samples)
    found = solve.solve(task.runs, aims, task.allowed, plan.kl, effort)
    return found, write_up(task, chosen, aims, found, force)


def write_up(
    task: Task, chosen: Sequence[Choice], aims: Sequence[solve.Aim], found: solve.Solution, force: bool
) -> lock.Lock:
    """The lock: the mixture, and under further keys how it was found and how far it can be trusted."""
    plan, names = task.plan, task.domains.names
    shares = normal(found.way.shares)
    groups = {}
    for one, share in zip(task.domains.domains, shares, strict=True):
        tokens = round(share * plan.budget)
        groups[one.name] = lock.Group(share, tokens, round(tokens / one.tokens, 9) if one.tokens else 0.0)
    more = {
        "budget": plan.budget,
        "method": found.chosen,
        "kl": plan.kl,
        "forced": force and any(not one.score.knows for one in chosen),
        "methods": {
            name: {
                "objective": digits(way.objective),
                "predicted": {aim.name: digits(loss) for aim, loss in zip(aims, way.predicted, strict=True)},
                "shares": dict(zip(names, normal(way.shares), strict=True)),
            }
            for name, way in found.ways.items()
        },
        "targets": {
            aim.name: {
                "weight": digits(aim.weight),
                "law": aim.law,
                "predicted": digits(found.way.predicted[place]),
                "low": digits(found.losses[0, place]),
                "high": digits(found.losses[1, place]),
            }
            for place, aim in enumerate(aims)
        },
        "spread": {"level": solve.LEVEL, "refits": plan.refits, **bounds(names, found.spread)},
        "near_optimal": {"mixtures": len(found.region), **bounds(names, found.near)},
        "prior": dict(zip(names, map(digits, task.domains.prior), strict=True)),
        "group": {one.name: one.group for one in task.domains.domains},
        "binding": {name: digits(worth) for name, worth in found.binding.items()},
        "more_data": {name: digits(worth) for name, worth in found.data.items()},
        "units": "binding: objective per 0.01 of share; more_data: objective per 10^9 tokens; both by the exponential laws",
        "notes": list(task.runs.notes),
    }
    versions = {name: metadata.version(name) for name in VERSIONS}
    return lock.Lock(groups, plan.by, dict(task.digests), plan.seed, versions, more)


def normal(shares: np.ndarray) -> list[float]:
    """Nine digits that sum to 1; what rounding leaves goes to the largest."""
    found = [round(float(one), 9) for one in shares / shares.sum()]
    most = max(range(len(found)), key=found.__getitem__)
    found[most] = round(found[most] + 1 - math.fsum(found), 9)
    return found


def bounds(names: Sequence[str], both: np.ndarray) -> dict[str, Any]:
    return {
        "shares": {name: [digits(low), digits(high)] for name, low, high in zip(names, *both, strict=True)}
    }


def digits(value: float) -> float:
    """Six significant digits: what lies behind them differs between machines."""
    return float(f"{value:.6g}")
