"""The command line of the training workers: `start`, `demo`, and the commands of control."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from diagnostics.run.refusal import asked_lang
from training.control import commands as control
from training.control import described
from training.control.launch import Plan, new_folder, write_request
from training.control.options import parse_options
from training.doctor import command as doctor
from training.request import METHODS, REFUSED, BadRequest, Request, parse_settings, read_config, take_marks


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `start`, `demo` and the commands of control to a command line."""
    starting = commands.add_parser(
        "start",
        help="train one run, into a run folder",
        epilog="Beside these, every argument of TRL by its name: --learning_rate 2e-5, --packing, --no_shuffle_dataset.",
        allow_abbrev=False,
    )
    starting.add_argument("--method", choices=METHODS, help="may stand in the config as `method` instead")
    starting.add_argument("--config", type=Path, help="YAML or JSON: TRL's arguments by their names; `fix` writes one")
    starting.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", dest="settings",
        help="TRL's arguments, over those of the config; values as JSON, else as text",
    )  # fmt: skip
    starting.add_argument("--run", type=Path, help="the run folder to make (default: runs/<method>-<number>)")
    starting.add_argument("--processes", type=int, default=1, help="worker processes on this machine")
    starting.add_argument("--accelerate-config", type=Path, help="a config file of accelerate, for clusters")
    starting.add_argument("--parent", help="the run that this one mends")
    starting.add_argument("--force", action="store_true", help="start in spite of errors that the pre-flight finds")
    control.add_launch_options(starting)
    starting.set_defaults(run_command=start)
    demo_parser = commands.add_parser("demo", help="train the embedded customer-service assistant by every method")
    demo_parser.add_argument("--runs", type=Path, required=True, help="the folder to put the runs in")
    demo_parser.add_argument(
        "--from-scratch", action="store_true", help="train the base model too, instead of taking the one that is kept"
    )
    demo_parser.add_argument(
        "--seed", type=int, help="the seed of all trainings after the base (default: that of the demo there, else 0)"
    )
    demo_parser.set_defaults(run_command=demo)
    control.add_commands(commands)
    described.add_command(commands)
    doctor.add_options(commands.add_parser("doctor", help="look at the environment; print what repairs it"))


def start(arguments: argparse.Namespace) -> int:
    """Train one run. 0: finished; 1: it failed; 2: the request was wrong; 143: it was stopped."""
    config = read_config(arguments.config) if arguments.config else {}
    config.update(parse_settings(arguments.settings))
    config.update(parse_options(arguments.options))
    if arguments.processes < 1:
        raise BadRequest(
            f"--processes {arguments.processes}: at least 1 is needed.",
            f"--processes {arguments.processes}：至少需要 1。",
        )
    if arguments.accelerate_config and not arguments.accelerate_config.is_file():
        raise BadRequest(
            f"{arguments.accelerate_config}: there is no such config file of accelerate.",
            f"{arguments.accelerate_config}：没有这个 accelerate 配置文件。",
        )
    asked = take_marks(config)
    method = arguments.method or asked.method
    if method is None:
        raise BadRequest(
            f"no method; name one with --method or in the config: {', '.join(METHODS)}.",
            f"没有训练方法；请用 --method 或在配置中指定：{'、'.join(METHODS)}。",
        )
    folder = (arguments.run or new_folder(Path("runs"), method)).resolve()
    request = Request(method, config, folder)
    plan = Plan(
        processes=arguments.processes,
        accelerate_config=arguments.accelerate_config and arguments.accelerate_config.resolve(),
        quiet=arguments.quiet,
        queue=arguments.queue,
        force=arguments.force,
    )
    command = ["python", "-m", "training", *sys.argv[1:]]
    write_request(request, command, parent=arguments.parent or asked.parent, fixes=asked.fixes, plan=plan)
    return control.carry_out(request, plan, arguments.detach)


def demo(arguments: argparse.Namespace) -> int:
    """Run the demo's pipeline. 0: every stage went as it should."""
    from training.demo.pipeline import run_demo

    return run_demo(arguments.runs.resolve(), from_scratch=arguments.from_scratch, seed=arguments.seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    parsed, options = parser.parse_known_args(arguments)
    if options and parsed.run_command is not start:
        parser.error(f"unrecognized arguments: {' '.join(options)}")
    parsed.options = options
    try:
        code: int = parsed.run_command(parsed)
    except BadRequest as error:
        print(error.said(asked_lang()), file=sys.stderr)
        return REFUSED
    return code
