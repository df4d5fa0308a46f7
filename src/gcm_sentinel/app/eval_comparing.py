"""`eval compare`: two results files, case by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gcm_sentinel.app.eval_journal import read
from gcm_sentinel.app.eval_results import Run, differences
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.app.output import print_json
from gcm_sentinel.app.tables import name_of
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.evals.case_record import Key
from gcm_sentinel.evals.comparison import Comparison, Turn, compare, differing
from gcm_sentinel.web.plain import one_line

_MOST_MOVED = 20
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Ask:
    """What `eval compare` was asked."""

    before: Path
    after: Path
    seed: int = 1
    json: bool = False
    across_suites: bool = False
    require_no_worse: bool = False


def compare_command(ask: Ask) -> Exit:
    """`eval compare`.

    Raises:
        BadConfiguration: a file that cannot be read, or scenarios that differ between the two.
    """
    before, after = read(ask.before), read(ask.after)
    changed = differing(_suite(before), _suite(after))
    if changed and not ask.across_suites:
        raise BadConfiguration(
            f"{len(changed)} scenarios are not the same in both runs ({_named(changed)}): "
            "their cases are no pairs; --across-suites compares them all the same"
        )
    found = compare(before.records, after.records, seed=ask.seed)
    told = _notes(before, after, changed)
    if ask.json:
        print_json(_to_json(found, told))
    else:
        print("\n".join(_lines(found, told)))
    return Exit.UNMET if ask.require_no_worse and found.worse else Exit.OK


def _suite(run: Run) -> Mapping[str, Json]:
    scenarios = run.how.get("scenarios")
    return scenarios if isinstance(scenarios, Mapping) else {}


def _notes(before: Run, after: Run, changed: Sequence[str]) -> list[str]:
    told = ["both files hold the same run"] if before == after else []
    told += [f"scenarios that differ: {_named(changed)}"] if changed else []
    told += differences(*({key: run.how[key] for key in run.how if key != "scenarios"} for run in (before, after)))
    for when, run in (("before", before), ("now", after)):
        if len(run.records) < run.planned:
            told.append(f"the run of {when} did not end: {len(run.records)} of {run.planned} cases")
    return told


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _lines(found: Comparison, told: Sequence[str]) -> list[str]:
    tests = found.tests
    lines = [f"note: {one_line(words)}" for words in told]
    lines += [
        f"{found.pairs} cases in both: passed {found.passed_before} before, {found.passed_now} now "
        f"(gained {len(found.gained)}, lost {len(found.lost)}; McNemar exact p = {tests.mcnemar_p:.3g})",
        f"score {tests.score.mean:+.2f} on average "
        f"(95 % by scenario {tests.score.low:+.2f} to {tests.score.high:+.2f}; "
        f"sign test by scenario p = {tests.sign_p:.3g})",
        f"forbidden: {found.forbidden_before} cases before, {found.forbidden_now} now",
    ]
    if found.unrun:
        lines.append(f"in none of the tests: {found.unrun} cases that could not be run before, or now")
    for title, turns, most in (
        ("lost", found.lost, len(found.lost)),
        ("gained", found.gained, len(found.gained)),
        ("the same verdict, another score", found.moved, _MOST_MOVED),
    ):
        lines += _turns(title, turns, most)
    for title, keys in (("before only", found.only_before), ("now only", found.only_now)):
        if keys:
            lines.append(f"{title}: {len(keys)} cases ({_named([_key(key) for key in keys])})")
    lines.append("worse: " + "; ".join(found.worse) if found.worse else "no worse")
    return lines


def _turns(title: str, turns: Sequence[Turn], most: int) -> list[str]:
    lines = [f"{title}:"] if turns else []
    for turn in sorted(turns, key=lambda item: item.now - item.before)[:most]:
        why = one_line("; ".join(turn.why)) or "no part of it differs"
        lines.append(f"  {name_of(turn.case)} seed {turn.case.seed}: {turn.before:g} to {turn.now:g} ({why})")
    if len(turns) > most:
        lines.append(f"  and {len(turns) - most} more")
    return lines


def _key(key: Key) -> str:
    scenario, variant, seed, without = key
    off = f" without {' and '.join(without)}" if without else ""
    return f"{scenario}/{variant} seed {seed}{off}" if variant else f"{scenario} seed {seed}{off}"


def _to_json(found: Comparison, told: Sequence[str]) -> dict[str, Json]:
    tests = found.tests
    return {
        "notes": list(told),
        "pairs": found.pairs,
        "pairs_not_run": found.unrun,
        "passed": {"before": found.passed_before, "now": found.passed_now},
        "forbidden": {"before": found.forbidden_before, "now": found.forbidden_now},
        "mcnemar_p": tests.mcnemar_p,
        "score": {
            "mean": tests.score.mean,
            "bootstrap_95": [tests.score.low, tests.score.high],
            "sign_p": tests.sign_p,
        },
        "gained": [_turn_json(turn) for turn in found.gained],
        "lost": [_turn_json(turn) for turn in found.lost],
        "moved": [_turn_json(turn) for turn in found.moved],
        "only_before": [_key(key) for key in found.only_before],
        "only_now": [_key(key) for key in found.only_now],
        "worse": list(found.worse),
    }


def _turn_json(turn: Turn) -> dict[str, Json]:
    return {"case": _key(turn.case.key), "before": turn.before, "now": turn.now, "why": list(turn.why)}
