"""Say before a run what will run, what may, and what is reused; and why."""

from __future__ import annotations

import argparse

from pipeline.commands import luigi_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; whatever Luigi takes for the task may follow."""
    parser.usage = "python -m pipeline explain [TASK] [--market MARKET] [options of the task]"
    parser.add_argument("--market", help="the market (default: [pipeline] market of luigi.cfg)")
    parser.add_argument("--module", help=argparse.SUPPRESS)  # a luigi command that was pasted says it
    parser.set_defaults(more=[])
    parser.epilog = (
        "TASK is Evaluate where none is named. More options go to the task: --as-of 2024-01-31, --Train-iterations-factor 0.3, …"
    )


def run(options: argparse.Namespace) -> int:
    """Print the tree of tasks, each with its outlook and causes, and what reuse saves."""
    from pipeline.incremental.explain import name_families

    is_named = bool(options.more) and not options.more[0].startswith("-")
    name, more = (options.more[0], options.more[1:]) if is_named else ("Evaluate", options.more)
    market = ["--market", options.market] if options.market is not None else []
    with luigi_task.planned(name, [*market, *more]) as (_, plan):
        print("\n".join(plan.tree()))
        print()
        for outlook in ("runs", "may run", "reused"):
            verdicts = plan.of(outlook)
            if verdicts:
                print(f"{outlook:<8} {len(verdicts):>4}  {name_families(verdicts)}")
        print(f"Reuse saves {plan.saved_s:.1f} s.")
    return 0
