"""`make bench-postmortem`: what `check` says of consoles of failed runs whose causes people have labelled.

The folder of labelled consoles is named by CLINIC_LABELLED_CONSOLES; it is not part of the project. *Right*: the first finding
above a note names the cause; where nothing was wrong, there is none. *Wrong and sure*: it names another with a confidence over
0.5.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diagnostics.engine import diagnose
from diagnostics.run import RunUnreadable, open_run
from tests.bench.console_labels import ACCEPTED, LabelledConsole, read_consoles
from tests.bench.tables import share, table

VARIABLE = "CLINIC_LABELLED_CONSOLES"
SURE = 0.5


@dataclass(frozen=True)
class Verdict:
    """What was said of one console: the rule and kind of the first finding above a note ("": none), and how sure."""

    console: LabelledConsole
    rule: str
    kind: str
    confidence: float
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the cause was named; of a console with nothing wrong, whether nothing was said."""
        accepted = ACCEPTED[self.console.label]
        return self.rule in accepted if accepted else not self.rule

    @property
    def wrong_and_sure(self) -> bool:
        """Whether another cause was named with a confidence over 0.5."""
        return bool(self.rule) and not self.right and self.confidence > SURE


def judge(console: LabelledConsole) -> Verdict:
    """Ask `check` for one console."""
    started = time.perf_counter()
    try:
        findings = [one for one in diagnose(open_run(console.path)).findings if one.severity != "info"]
    except RunUnreadable as error:
        return Verdict(console, "", f"unread: {error}"[:60], 0.0, time.perf_counter() - started)
    seconds = time.perf_counter() - started
    if not findings:
        return Verdict(console, "", "", 0.0, seconds)
    first = findings[0]
    return Verdict(console, first.rule, str(first.facts.get("kind", "")), first.confidence, seconds)


def report(verdicts: Sequence[Verdict]) -> str:
    """The scores, then one line a console."""
    right = sum(one.right for one in verdicts)
    sure = sum(one.wrong_and_sure for one in verdicts)
    scores = table(
        ["consoles", "right", "wrong and sure", "seconds, mean"],
        [
            [
                str(len(verdicts)),
                share((right, len(verdicts))),
                share((sure, len(verdicts))),
                f"{sum(one.seconds for one in verdicts) / max(1, len(verdicts)):.3f}",
            ]
        ],
    )
    lines = [
        [
            one.console.id,
            one.console.label,
            one.rule or "-",
            one.kind,
            f"{one.confidence:.2f}",
            "right" if one.right else "WRONG, SURE" if one.wrong_and_sure else "wrong",
        ]
        for one in verdicts
    ]
    return f"{scores}\n\n{table(['console', 'label', 'said', 'kind', 'confidence', ''], lines)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Score the folder that the variable names."""
    argparse.ArgumentParser(prog="tests.bench.postmortem", description=__doc__).parse_args(arguments)
    named = os.environ.get(VARIABLE)
    if not named:
        print(f"{VARIABLE} names no folder of labelled consoles: nothing to score.")
        return 0
    try:
        consoles = read_consoles(Path(named))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(report([judge(one) for one in consoles]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
