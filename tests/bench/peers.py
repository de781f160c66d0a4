"""The peers: how each is installed and asked, and which of our rules each of its findings names.

A peer runs in its own virtual environment, by its own command line, on the file the run left; where it cannot read that
form, on a `trainer_state.json` with the same rows. Its table was written after reading its source, and in doubt for the
peer: a finding counts if it names the right phenomenon, whatever cause or remedy it goes on to tell.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.inputs import log_of, rows_of, write_state
from tests.bench.labels import Labelled
from tests.bench.scoring import Report, Said

NOT_JUDGED = None  # about the log or the speed of the machine, of which the labels say nothing
SEVERITY = {"critical": "error", "error": "error", "warning": "warning", "info": "info"}
TIMEOUT = 300  # seconds for one run; the slowest peer needs about three on the longest labelled run


@dataclass(frozen=True)
class Line:
    """One line of a peer's table: a finding of this check, whose text matches, names these rules of ours.

    `rules` is a text of names, empty if none of ours names the fault; `NOT_JUDGED` if the labels cannot tell. A finding
    that matches several lines names the rules of all.
    """

    check: str
    text: str
    rules: str | None


@dataclass(frozen=True)
class Peer:
    """A peer: its requirements, the forms it reads by itself, its command, and where its findings are in its output."""

    name: str
    version: str
    requirements: tuple[str, ...]
    reads: tuple[str, ...]
    arguments: Callable[[str], list[str]]
    findings: Callable[[Any], list[dict[str, Any]]]
    check_key: str
    text_keys: tuple[str, ...]
    table: tuple[Line, ...]
    # A folder of event files instead of the file.
    events_by_folder: bool = False
    # The order of the peer's own report among findings of one severity: by name, or as they come.
    sorted_by_check: bool = False


RLDOCTOR = Peer(
    name="rldoctor",
    version="0.2.0",
    requirements=("rldoctor[tensorboard]==0.2.0",),
    reads=("state", "events"),
    arguments=lambda path: ["diagnose", path, "--format", "json"],
    findings=lambda output: [one for one in output["findings"] if one["severity"] not in ("OK", "SKIPPED")],
    check_key="detector",
    text_keys=("summary",),
    events_by_folder=True,
    sorted_by_check=True,
    table=(
        Line("advantage_collapse", "", "reward-groups-constant reward-constant"),
        Line("entropy_collapse", "", "entropy-collapse"),
        Line("reward_hacking", "", "reward-hacking-suspected"),
        Line("reward_composition", "", "reward-component-dominates"),
        # A task reward without variance is a constant reward.
        Line("reward_composition", "looks like your task reward", "reward-constant"),
        Line("length_pathology", "truncated", "completions-truncated"),
        Line("length_pathology", "[Ll]ength grew", "length-explosion reward-length-bias"),
        Line("clip_saturation", "", "policy-ratio-blowup"),
        Line("kl_drift", "KL has reached|KL is", "kl-explosion"),
        # "KL never exceeded ...: pinned to the reference": the policy does not move.
        Line("kl_drift", "pinned to the", "not-learning"),
        # It does not tell NaN in the gradient from a run that is lost: "numerically dead from that point".
        Line("gradient_pathology", "non-finite", "gradient-not-finite loss-not-finite"),
        # Its advice: "in GRPO almost always means every group scored the same"; elsewhere nothing is trained.
        Line("gradient_pathology", "exactly zero gradient", "nothing-trainable reward-groups-constant reward-constant"),
        # A gradient that is gone is how saturated preferences, and a run that learns nothing, look from its side.
        Line(
            "gradient_pathology",
            "barely moving",
            "not-learning preference-saturated reward-model-saturated",
        ),
        Line("gradient_pathology", "group-variance collapse", "reward-groups-constant"),
        Line("gradient_pathology", "spike", "gradient-explosion loss-spike"),
        Line("plateau", "stopped improving|is flat", "not-learning"),
        # A held-out score that falls is overfitting where there is no reward.
        Line("plateau", r"Training reward has been \*declining", "reward-collapse"),
        Line("plateau", r"Held-out score has been \*declining", "reward-collapse overfitting"),
    ),
)

FINETUNE_DOCTOR = Peer(
    name="finetune-doctor",
    version="0.2.2",
    requirements=("finetune-doctor==0.2.2",),
    reads=("state",),
    arguments=lambda path: ["diagnose", path, "--format", "json"],
    findings=lambda output: [one for one in output["findings"] if one["severity"] != "OK"],
    check_key="check",
    text_keys=("title", "summary"),
    table=(
        Line("no_eval", "", "no-evaluation"),
        # "Use rl-doctor on the same file": it hands the run over, and says nothing of it.
        Line("rl_run", "", NOT_JUDGED),
        Line("incomplete", "", NOT_JUDGED),
        Line("overfitting", "", "overfitting"),
        # "Nothing got worse, so the final checkpoint is fine to keep": no fault of ours.
        Line("stopped_improving", "", ""),
        # "This is not overfitting in the sense that matters to you."
        Line("metric_disagreement", "", ""),
        Line("loss_degenerate", "NaN loss", "loss-not-finite loss-diverged"),
        # It takes every zero loss for masked labels "from the first logged step", also preferences that saturated after
        # a hundred steps of learning: there it is not counted, since it names another phenomenon.
        Line("loss_degenerate", "exactly zero", "labels-all-masked"),
        Line("not_learning", "Not learning", "not-learning nothing-trainable preference-flat"),
        Line("not_learning", "went up", "loss-diverged not-learning"),
        Line("loss_spikes", "", "loss-spike"),
        # "The step that straddles an epoch boundary is computing its loss differently."
        Line("loss_spikes", "epoch boundary", "loss-scale-artifact"),
        Line("lr_schedule", "", "schedule-fault"),
        Line("gradients", "NaN|inf/", "gradient-not-finite loss-not-finite"),
        # Its advice names both: labels that are all -100, and an adapter that is not attached.
        Line("gradients", "Zero gradients", "nothing-trainable labels-all-masked"),
        Line("gradients", "spikes", "gradient-explosion loss-spike"),
        # "Eval loss sits at 18% of training loss": seen so, a training loss summed over micro-batches.
        Line("eval_below_train", "", "loss-scale-artifact evaluation-leak"),
    ),
)

LOSSLINT = Peer(
    name="losslint",
    version="0.4.1",
    requirements=("losslint[fast,tb]==0.4.1",),
    reads=("state", "events"),
    arguments=lambda path: ["check", path, "--format", "json"],
    findings=lambda output: output["findings"],
    check_key="check",
    text_keys=("message",),
    table=(
        # Any series: it does not tell the loss from the gradient, "every metric after this is suspect".
        Line("nan_inf", "", "loss-not-finite gradient-not-finite"),
        Line("divergence", "", "loss-diverged"),
        Line("loss_spike", "", "loss-spike"),
        Line("overfit_onset", "", "overfitting"),
        # The last quarter only; the whole run may have learned before. Counted all the same.
        Line("stagnation", "", "not-learning preference-flat"),
        Line("step_backtrack", "", "resume-mismatch"),
        Line("parse", "", NOT_JUDGED),
    ),
)

RUNMEDIC = Peer(
    name="runmedic",
    version="0.1.1",
    requirements=("runmedic==0.1.1",),
    reads=("state", "events"),
    arguments=lambda path: ["diagnose", path, "--json"],
    findings=lambda output: [one for run in output for one in run["findings"]],
    check_key="check",
    text_keys=("title",),
    table=(
        # The first of train loss, eval loss and gradient norm that is not finite; of one it speaks for all.
        Line("non_finite", "", "loss-not-finite gradient-not-finite"),
        Line("divergence", "", "loss-diverged"),
        Line("no_learning", "", "not-learning nothing-trainable preference-flat"),
        Line("overfitting", "", "overfitting"),
        Line("loss_spikes", "", "loss-spike"),
        Line("grad_spikes", "", "gradient-explosion loss-spike"),
        Line("val_below_train", "", "loss-scale-artifact evaluation-leak"),
        # "The loss improved less than 2% of its progress over the last 30%", with a rate that never falls.
        Line("constant_lr_plateau", "", "not-learning schedule-fault"),
        Line("memory_growth", "", "memory-leak"),
        Line("input_bound", "", NOT_JUDGED),
        Line("slow_steps", "", NOT_JUDGED),
        Line("slowdown", "", NOT_JUDGED),
        Line("log:cuda_oom", "", "out-of-memory"),
        Line("log:dataloader_killed", "", "shared-memory-exhausted"),
        Line("log:amp_overflow", "", "gradient-not-finite"),
        Line("log:anomaly_nan", "", "loss-not-finite gradient-not-finite"),
        Line("log:nccl_timeout", "", "collective-timeout"),
        Line("log:device_mismatch", "", ""),
        Line("log:backward_twice", "", ""),
        Line("log:inplace_grad", "", ""),
        Line("log:unused_params", "", ""),
    ),
)

PEERS = (RLDOCTOR, FINETUNE_DOCTOR, LOSSLINT, RUNMEDIC)


class PeerMissing(Exception):
    """A peer cannot be installed or does not start; the message says why."""


def environment(peer: Peer, cache: Path) -> Path:
    """The folder of a peer's virtual environment."""
    return cache / f"{peer.name}-{peer.version}"


def install(peer: Peer, cache: Path) -> None:
    """Install a peer into its own virtual environment, once.

    Raises:
        PeerMissing: the environment cannot be made, or the package index does not give the peer.
    """
    folder = environment(peer, cache)
    mark = folder / "installed"
    wanted = "\n".join(peer.requirements)
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements],
        [str(folder / "bin" / peer.name), "--help"],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PeerMissing(f"{peer.name}: {error}") from error
        if done.returncode:
            raise PeerMissing(f"{peer.name}: {' '.join(command[:4])} ... ended with {last_line(done.stderr)}")
    mark.write_text(wanted, encoding="utf-8")


def last_line(text: str) -> str:
    """The last line of a text, not longer than a table can bear."""
    return (text.strip().splitlines() or ["no message"])[-1][:160]


def ask(peer: Peer, cache: Path, run: Labelled, scratch: Path) -> Report:
    """A peer's report on a labelled run: of the run's own file, or of its rows as a `trainer_state.json`.

    If the peer reads that form but fails on this file, it is asked again with the rows.
    """
    form, path = log_of(run.folder)
    if form in peer.reads:
        report = ask_of(peer, cache, path.parent if form == "events" and peer.events_by_folder else path)
        if not report.unreadable or form == "state":
            return report
    return ask_of(peer, cache, write_state(rows_of(path), scratch / run.id))


def ask_of(peer: Peer, cache: Path, path: Path) -> Report:
    """A peer's report on a file or a folder."""
    command = [str(environment(peer, cache) / "bin" / peer.name), *peer.arguments(str(path))]
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            # A path that looks like a name on the Hub must not be looked up there.
            env=os.environ | {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1"},
        )
    except subprocess.TimeoutExpired:
        return Report((), TIMEOUT, f"no answer within {TIMEOUT} s")
    seconds = time.perf_counter() - started
    try:
        return Report(said_by(peer, json.loads(done.stdout)), seconds)
    except ValueError:
        return Report((), seconds, last_line(done.stderr))


def said_by(peer: Peer, output: Any) -> tuple[Said, ...]:
    """The findings of a peer's output, gravest first."""
    found = [said(peer, one) for one in peer.findings(output)]
    ranks = {severity: rank for rank, severity in enumerate(("error", "warning", "info"))}
    return tuple(sorted(found, key=lambda one: (ranks[one.severity], one.name if peer.sorted_by_check else "")))


def said(peer: Peer, finding: dict[str, Any]) -> Said:
    """One finding of a peer in our terms.

    Raises:
        KeyError: the peer's table has no line for it, so it would be lost.
    """
    check = finding[peer.check_key]
    text = " ".join(str(finding.get(key, "")) for key in peer.text_keys)
    if check not in {line.check for line in peer.table}:
        raise KeyError(f"{peer.name} {peer.version}: no line in its table for {check}: {text}")
    lines = [line for line in peer.table if line.check == check and re.search(line.text, text)]
    return Said(
        name=check,
        severity=SEVERITY[finding["severity"].lower()],
        rules=frozenset(rule for line in lines for rule in (line.rules or "").split()),
        judged=not lines or any(line.rules is not NOT_JUDGED for line in lines),
    )


def both_doctors(finetune: dict[str, Report], rl: dict[str, Report]) -> dict[str, Report]:
    """finetune-doctor, and rldoctor where it hands the run over ("this is an RL run"), as their author means them."""
    return {
        name: Report(rl[name].findings, report.seconds + rl[name].seconds, rl[name].unreadable)
        if any(one.name == "rl_run" for one in report.findings)
        else report
        for name, report in finetune.items()
    }
