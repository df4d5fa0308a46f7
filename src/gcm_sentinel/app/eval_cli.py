"""`gcm-sentinel eval …` as it stands on the command line; the `eval_…` modules do it, imported late.

Without a subcommand it runs the suite; the subcommands read what such runs have left.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gcm_sentinel.app.cli_settings import settings_of

evaluation = typer.Typer(
    help="Run every scenario with every seed through the real stack and score the answers.",
    invoke_without_command=True,
)

Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="Results file, or the journal of a run.")]
Recorded = Annotated[Path, typer.Argument(metavar="DIR", help="Folder that `eval --record` has filled.")]
Html = Annotated[Path | None, typer.Option(help="Write the scorecard as one page here.")]
OutputFile = Annotated[Path | None, typer.Option(help="Write the results as JSON here.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@evaluation.callback()
def evaluate(  # noqa: PLR0913  a command's options are its arguments
    context: typer.Context,
    scenarios: Annotated[Path | None, typer.Option(help="Folder of scenarios, or one file; default: ours.")] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help="Scenario id, or path of a scenario.yaml or its folder; may be repeated.")
    ] = None,
    engine: Annotated[str, typer.Option(help="auto, anthropic, openai or playbook.")] = "playbook",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 1..N of every scenario.")] = 1,
    output: OutputFile = None,
    html: Html = None,
    record: Annotated[Path | None, typer.Option(help="Keep each case's transcript in this folder.")] = None,
    require: Annotated[float, typer.Option(min=0, max=1, help="Exit 1 when a smaller share passes.")] = 0.0,
    mode: Annotated[
        str | None, typer.Option(help="approve (whatever is asked is approved) or execute: act, and be judged.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Cases at a time; default: one a processor, 8 at most.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Turn a data source off for the run; may be repeated.")
    ] = None,
    max_tokens_per_case: Annotated[int | None, typer.Option(min=1, help="End a case's answer here.")] = None,
    max_cost_usd_per_case: Annotated[float | None, typer.Option(min=0, help="The same in money.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Begin no case once so much is spent.")] = None,
    max_cost_usd: Annotated[float | None, typer.Option(min=0, help="The same in money.")] = None,
    *,
    drop_each_source: Annotated[bool, typer.Option(help="Once more without each source.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what --output has begun.")] = False,
    variants: Annotated[bool, typer.Option(help="Also run the variants of each scenario.")] = True,
    list_classes: Annotated[bool, typer.Option("--list-classes", help="Print the closed lists and exit.")] = False,
) -> None:
    """Run every scenario with every seed through the real stack and score the answers."""
    if context.invoked_subcommand:
        return
    if list_classes:
        from gcm_sentinel.app.commands import print_closed_lists

        print_closed_lists()
        return
    from gcm_sentinel.app.eval_command import acting_mode, eval_command
    from gcm_sentinel.app.eval_plan import Ceilings, EvalPlan, Keeping, Suite

    plan = EvalPlan(
        suite=Suite(scenarios, tuple(scenario or ()), seeds, variants, tuple(without or ()), drop_each_source),
        engine=engine,
        settings=settings_of({"log_level": "ERROR", "llm_api": engine}),
        ceilings=Ceilings(max_tokens_per_case, max_cost_usd_per_case, max_tokens, max_cost_usd),
        keeping=Keeping(output, html, record, resume),
        require=require,
        mode=acting_mode(mode),
        jobs=jobs,
    )
    import asyncio

    raise typer.Exit(asyncio.run(eval_command(plan)))


@evaluation.command()
def compare(
    before: Annotated[Path, typer.Argument(metavar="A.json", help="Results to compare with.")],
    after: Annotated[Path, typer.Argument(metavar="B.json", help="Results to judge.")],
    seed: Annotated[int, typer.Option(help="Of the resampling.")] = 1,
    *,
    json: Json = False,
    across_suites: Annotated[
        bool, typer.Option("--across-suites", help="Also where scenarios differ between the two.")
    ] = False,
    require_no_worse: Annotated[bool, typer.Option("--require-no-worse", help="Exit 1 when B is worse.")] = False,
) -> None:
    """Compare two results files case by case: what was gained and lost, and whether it is more than luck."""
    from gcm_sentinel.app.eval_comparing import Ask, compare_command

    ask = Ask(before, after, seed, json=json, across_suites=across_suites, require_no_worse=require_no_worse)
    raise typer.Exit(compare_command(ask))


@evaluation.command()
def scorecard(results: Results, html: Html = None, *, json: Json = False) -> None:
    """Print the figures of a results file again, or write them as a page."""
    from gcm_sentinel.app.eval_showing import scorecard_command

    raise typer.Exit(scorecard_command(results, html, json=json))


@evaluation.command()
def rescore(recorded: Recorded, output: OutputFile = None, html: Html = None) -> None:
    """Score recorded cases with today's scoring: no model, no world."""
    from gcm_sentinel.app.eval_rescoring import rescore_command

    settings_of({"log_level": "ERROR"})
    raise typer.Exit(rescore_command(recorded, output, html))


@evaluation.command()
def replay(recorded: Recorded, output: OutputFile = None, html: Html = None) -> None:
    """Play recorded cases through today's loop and judge, and score what comes out; exit 1 when any is another."""
    import asyncio

    from gcm_sentinel.app.eval_rescoring import replay_command

    settings_of({"log_level": "ERROR"})
    raise typer.Exit(asyncio.run(replay_command(recorded, output, html)))
