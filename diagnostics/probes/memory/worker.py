"""The process of the memory predictor: it loads the libraries once, and forks a process of its own for each request.

`python -m diagnostics.probes.memory.worker` reads a folder a line. The child answers `request.json` there with
`answer.json` and tells how far it is in `progress.json`; the parent writes `began PID` and `ended STATUS` to standard output.
It ends when standard input does, or after `IDLE_SECONDS` without a request.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from diagnostics.memory.records import Estimate, MemoryUnknown, NotTraceable, asked_from

IDLE_SECONDS = 120.0
POLL_SECONDS = 0.02
REQUEST, ANSWER, PROGRESS, ERRORS = "request.json", "answer.json", "progress.json", "errors.txt"


def main() -> int:
    """Answer requests until nobody asks any more."""
    quiet()
    load()
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], IDLE_SECONDS)
        line = sys.stdin.readline() if ready else ""
        if not line:
            return 0
        child = os.fork()
        if child == 0:
            be_child(Path(line.strip()))
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        print(f"began {child}", flush=True)
        status = wait_for(child)
        if status is None:
            return 0
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


def wait_for(child: int) -> int | None:
    """The child's status; None if standard input ended before, and the child was ended with it."""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        if select.select([sys.stdin], [], [], POLL_SECONDS)[0] and not at_hand():
            with contextlib.suppress(OSError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None


def at_hand() -> bytes:
    """What can be read from standard input; nothing at its end."""
    found: bytes = sys.stdin.buffer.peek(1)  # type: ignore[union-attr]
    return found


def quiet() -> None:
    """No network, no GPU, no threads that would stay over a fork."""
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "TOKENIZERS_PARALLELISM": "false",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "OMP_NUM_THREADS": "1",
    }.items():
        os.environ[name] = value


def load() -> None:
    """Import what every trace needs; a child has it then at once."""
    import warnings

    warnings.filterwarnings("ignore")
    import datasets
    import transformers
    import trl.trainer.sft_trainer
    import trl.trainer.utils  # noqa: F401

    datasets.disable_progress_bars()
    transformers.logging.set_verbosity_error()


def be_child(folder: Path) -> None:
    """Answer one request and end; never returns."""
    code = 1
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        with (folder / ERRORS).open("w") as errors:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(errors.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            write(folder / ANSWER, answer(folder))
            code = 0
    except BaseException:  # the end of the process is told by its code, whatever it was
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def answer(folder: Path) -> dict[str, Any]:
    """The estimate that the request asks for, or why there is none."""
    from diagnostics.probes.memory.tracing import first_line

    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    try:
        return {"estimate": estimate(folder, request).to_json()}
    except NotTraceable as error:
        return {"error": "not traceable", "text": str(error), "text_zh": error.said("zh")}
    except MemoryUnknown as error:
        return {"error": "unknown", "text": str(error), "text_zh": error.said("zh")}
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # an architecture can fail in any way; what is left then is the closed form
        import traceback

        traceback.print_exc()
        kind = request.get("asked", {}).get("model", {}).get("model_type", "unknown")
        cause = f"{type(error).__name__}: {first_line(error)}"
        return {
            "error": "not traceable",
            "text": f"A {kind} model cannot be traced: {cause}",
            "text_zh": f"无法追踪 {kind} 模型：{cause}",
        }


def estimate(folder: Path, request: dict[str, Any]) -> Estimate:
    """Carry a request out.

    Raises:
        MemoryUnknown: it cannot be.
    """
    from diagnostics.probes.memory import estimating

    asked = asked_from(request["asked"])

    def progress(text: str, share: float) -> None:
        write(folder / PROGRESS, {"text": text, "share": share, "at": time.time()})

    if request["how"] == "traced":
        return estimating.traced(asked, request["package"], progress)
    return estimating.extrapolated(asked, request["package"], progress, bool(request.get("check")))


def write(path: Path, content: Any) -> None:
    """Under a temporary name first: a reader sees all of it or nothing."""
    begun = path.with_suffix(".part")
    begun.write_text(json.dumps(content), encoding="utf-8")
    begun.replace(path)


if __name__ == "__main__":
    sys.exit(main())
