"""Console logs: the rows between bars and chatter, and the steps that nothing says outright."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from diagnostics.run import RunUnreadable, open_run
from diagnostics.run.console import log_of_console
from diagnostics.run.printed import dicts_in

HEAD = """Updated tokens: {{'eos_token_id': 2, 'pad_token_id': 1}}.
***** Running training *****
  Num examples = {examples:,}
  Num Epochs = {epochs}
  Instantaneous batch size per device = 2
  Total train batch size (w. parallel, distributed & accumulation) = 4
  Gradient Accumulation steps = 2
  Total optimization steps = {total:,}
"""


def row(step: int, per_epoch: float, **more: Any) -> dict[str, Any]:
    """A row of training as transformers 4 prints it: the epoch rounded to 2 decimals."""
    return {"loss": round(3 - step / 1000, 4), "grad_norm": 0.5, "epoch": round(step / per_epoch, 2), **more}


def new_style(values: dict[str, Any]) -> dict[str, Any]:
    """A row as transformers 5 prints it: floats as texts of 4 digits."""
    return {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in values.items()}


def console(total: int, every: int, made: Callable[[int], Iterator[dict[str, Any]]], drawn: float = 0.0) -> str:
    """What tqdm and the Trainer's ProgressCallback leave of a training; `drawn`: seconds between two drawings."""
    text = io.StringIO()
    with tqdm(total=total, file=text, mininterval=drawn, ncols=80) as bar:
        for step in range(1, total + 1):
            bar.update(1)
            if step % every == 0:
                for one in made(step):
                    bar.write(str(one), file=text)
    return text.getvalue()


def steps(path: Path, text: str, tag: str = "train/loss", every: int | None = None) -> list[int]:
    path.write_text(text, encoding="utf-8")
    return log_of_console(path, every).series[tag].steps.tolist()


# -- rows ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "loss", "norm"),
    [
        ("{'loss': 1.2, 'grad_norm': nan, 'epoch': 0.1}", 1.2, math.nan),
        ("{'loss': '5.776', 'grad_norm': 'nan', 'epoch': '0.1'}", 5.776, math.nan),
        ("{'loss': inf, 'grad_norm': None, 'epoch': 0.1}", math.inf, None),
        ('{"loss": NaN, "grad_norm": -Infinity, "note": null, "epoch": 0.1}', math.nan, -math.inf),
        ("{'loss': tensor(1.5, device='cuda:0'), 'grad_norm': np.float64(2.0), 'epoch': 1.0}", 1.5, 2.0),
        ("[rank0]: {'loss': 1e-05, 'texts': ['a {b', \"c'}\", ['d']], 'grad_norm': 3, 'epoch': 0.1} ok", 1e-05, 3.0),
        ("  5%|5    | 1/20 [00:01<00:02,  1.0it/s]{'loss': 1.2,\n 'grad_norm': 4.0, 'epoch': 0.1}\r", 1.2, 4.0),
        ("{'note': 'it\\'s {fine}', 'loss': 2.0, 'epoch': 0.1}{'eval_loss': 1.0}", 2.0, None),
    ],
)
def test_row_is_found_in_its_line(tmp_path: Path, text: str, loss: float, norm: float | None) -> None:
    path = tmp_path / "train.log"
    path.write_text(f"starting\n{text}\ndone\n")
    series = log_of_console(path).series
    assert series["train/loss"].values.tolist() == pytest.approx([loss], nan_ok=True)
    if norm is None:
        assert "train/grad_norm" not in series
    else:
        assert series["train/grad_norm"].values.tolist() == pytest.approx([norm], nan_ok=True)


@pytest.mark.parametrize(
    "text",
    [
        "Updated tokens: {'eos_token_id': 2, 'pad_token_id': 1}.",
        "args: {'output_dir': 'x', 'learning_rate': 1e-05, 'epoch': 3, 'reward': 1.0}",
        "{'prompt': 'what is a loss?', 'completion': 'it', 'reward': 1.0}",
        "{'loss': 1.2, 'grad_no  3%|3   | 1/20 [00:01<00:02,  1.0it/s]",
        "{'loss': 'falling'}",
        "{'loss': __import__('os').getcwd()}",
        "grad_norm:nan loss:0 {} {loss}",
        "{'losses': [1.0, 2.0], 'eval_steps': 500}",
    ],
)
def test_what_only_looks_like_a_row_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "train.log"
    path.write_text(text)
    assert log_of_console(path).series == {}


def test_nested_values_do_not_end_their_dict() -> None:
    text = b"{'a': {'b': (1, [2, '}'])}, 'c': \"x\", 'd': True, 'e': 3}"
    (one,) = dicts_in(b"before " + text + b" after")
    assert one.values == {"a": None, "c": "x", "d": True, "e": 3.0}
    assert (one.start, one.end) == (7, 7 + len(text))


def test_row_that_llamafactory_logs_once_more_counts_once(tmp_path: Path) -> None:
    text = "".join(
        f"{{'loss': {loss}, 'grad_norm': 0.5, 'learning_rate': 1e-05, 'epoch': {epoch}}}\n"
        f"[INFO|2026-01-01 10:00:00] llamafactory.train.callbacks:143 >> "
        f"{{'loss': {loss}, 'learning_rate': 1.0000e-05, 'epoch': {epoch}, 'throughput': 99.1}}\n"
        for loss, epoch in ((2.0, 0.1), (1.5, 0.2), (1.2, 0.3))
    )
    assert steps(tmp_path / "train.log", text) == [1, 2, 3]
    echoes = "".join(line + "\n" for line in text.splitlines() if ">>" in line)
    assert steps(tmp_path / "running_log.txt", echoes) == [1, 2, 3]
    assert "train/throughput" not in open_run(tmp_path / "running_log.txt").series


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_log_of_a_windows_shell_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "log.txt"
    path.write_text("{'loss': 1.5, 'epoch': 0.1}\n", encoding=encoding)
    assert open_run(path).series["train/loss"].values.tolist() == [1.5]


# -- steps ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drawn", [0.0, 60.0])
@pytest.mark.parametrize("style", [dict, new_style])
def test_bar_tells_the_steps_also_where_it_was_rarely_drawn(tmp_path: Path, style: Any, drawn: float) -> None:
    def made(step: int) -> Iterator[dict[str, Any]]:
        yield style(row(step, 40))
        if step % 20 == 0:
            yield style({"eval_loss": 2.0, "epoch": step / 40})

    text = "Map:  50%|5    | 50/100 [00:00<00:00, 99 examples/s]\r" + console(100, 10, made, drawn)
    path = tmp_path / "train.log"
    assert steps(path, text) == list(range(10, 101, 10))
    assert steps(path, text, "eval/loss") == list(range(20, 101, 20))
    run = open_run(path)
    assert (run.status.max_steps, run.problems) == (100, ())


def test_bars_of_evaluations_are_not_taken_for_the_trainings(tmp_path: Path) -> None:
    parts = []
    for step in (10, 20, 30):
        parts += [f"\r 1%|1  | {step}/90 [00:01<00:09,  1.0it/s]\n{row(step, 30)}\n"]
        parts += [f"\r 1%|1  | {step}/90 [00:01<00:09,  1.0it/s]"]
        parts += [f"\r 9%|9  | {batch}/7 [00:01<00:09,  1.0it/s]" for batch in range(1, 8)]
        parts += [f"\n{{'eval_loss': 1.0, 'epoch': {round(step / 30, 2)}}}\n"]
    assert steps(tmp_path / "train.log", "".join(parts)) == [10, 20, 30]


def test_bar_printed_after_its_row_on_a_line_of_its_own(tmp_path: Path) -> None:
    text = "".join(f"{row(step, 584)}\n  1%|1 | {step}/1752 [00:29<1:22:01,  2.83s/it]\n" for step in (10, 20, 30))
    assert steps(tmp_path / "train.log", text) == [10, 20, 30]


def test_row_printed_onto_the_line_of_its_bar(tmp_path: Path) -> None:
    text = "".join(f"\r  1%|1 | {step}/249 [00:29<1:22:01,  2.83s/it]{row(step, 50)}\n" for step in (3, 6, 9))
    assert steps(tmp_path / "train.log", text) == [3, 6, 9]


def test_bar_of_inner_work_between_bar_and_row(tmp_path: Path) -> None:
    inner = "  1%|1 | 5/7 [00:29<1:22:01,  2.83s/it]"
    text = "".join(
        f"\r  1%|1 | {step}/249 [00:29<1:22:01,  2.83s/it]\r{inner}\n{row(step, 50)}\n{'.' * 3000}"
        for step in (3, 6, 9)
    )
    assert steps(tmp_path / "train.log", text) == [3, 6, 9]


@pytest.mark.parametrize("style", [dict, new_style])
@pytest.mark.parametrize("every", [1, 7, 25])
def test_rows_kept_back_in_a_buffer_get_their_steps_from_epochs(tmp_path: Path, style: Any, every: int) -> None:
    per_epoch, total = 150, 450
    bars = console(total, total + 1, lambda step: iter(()))
    rows = [style(row(step, per_epoch)) for step in range(every, total + 1, every)]
    rows.append(style({"train_runtime": 9.5, "train_loss": 2.0, "epoch": 3.0}))
    text = HEAD.format(examples=600, epochs=3, total=total) + bars + "\n".join(map(str, rows))
    path = tmp_path / "train.log"
    assert steps(path, text) == list(range(every, total + 1, every))
    run = open_run(path)
    assert run.series["train/train_runtime"].steps.tolist() == [total]
    assert (run.status.state, run.status.max_steps, run.problems) == ("finished", total, ())


def test_length_of_an_epoch_is_told_by_the_summary(tmp_path: Path) -> None:
    rows = [row(step, 500) for step in range(20, 201, 20)] + [{"train_runtime": 9.5, "epoch": 0.4}]
    text = "  Total optimization steps = 200\n" + "\n".join(map(str, rows))
    assert steps(tmp_path / "train.log", text) == list(range(20, 201, 20))


def test_max_steps_do_not_pass_for_whole_epochs(tmp_path: Path) -> None:
    """200 steps of 1,000 an epoch, `Num Epochs = 1`: an epoch of 200 steps would make 1, 2, 3 of rows at 5, 10, 15."""
    text = HEAD.format(examples=4000, epochs=1, total=200)
    text += "\n".join(str(new_style(row(step, 1000)) | {"epoch": f"{step / 1000:.4g}"}) for step in range(5, 201, 5))
    path = tmp_path / "train.log"
    path.write_text(text)
    assert log_of_console(path).counted
    told = text.replace("  Instantaneous", "  Num update steps per epoch = 1,000\n  Instantaneous")
    assert steps(path, told) == list(range(5, 201, 5))


def test_epochs_that_fit_several_distances_tell_nothing(tmp_path: Path) -> None:
    text = HEAD.format(examples=8000, epochs=1, total=2000) + f"{row(10, 2000)}\n{row(20, 2000)}\n"
    path = tmp_path / "train.log"
    path.write_text(text)
    assert log_of_console(path).counted
    assert steps(path, text, every=10) == [10, 20], "the distance is known from elsewhere"


def test_evaluation_at_a_logged_step_has_its_step(tmp_path: Path) -> None:
    """Epoch 0.03 of 375 steps is step 11.25; the row at step 10 shows the same epoch."""
    rows = [row(step, 375) for step in range(10, 751, 10)]
    rows.insert(1, {"eval_loss": 1.0, "epoch": rows[0]["epoch"]})
    path = tmp_path / "train.log"
    text = HEAD.format(examples=1500, epochs=2, total=750) + "\n".join(map(str, rows))
    assert steps(path, text) == list(range(10, 751, 10))
    assert steps(path, text, "eval/loss") == [10]


def test_rows_lost_on_the_way_leave_gaps_not_shifts(tmp_path: Path) -> None:
    kept = [step for step in range(50, 1001, 50) if step not in (300, 350, 700)]
    text = HEAD.format(examples=2000, epochs=2, total=1000) + "\n".join(str(row(step, 500)) for step in kept)
    assert steps(tmp_path / "train.log", text) == kept


def test_rows_lost_among_epochs_too_coarse_are_counted(tmp_path: Path) -> None:
    kept = [step for step in range(20, 1001, 20) if step not in (300, 340, 700)]
    path = tmp_path / "train.log"
    path.write_text(HEAD.format(examples=7480, epochs=1, total=1870) + "\n".join(str(row(step, 1870)) for step in kept))
    assert log_of_console(path, 20).counted


def test_evaluations_between_rows_stay_between_them(tmp_path: Path) -> None:
    text = HEAD.format(examples=400, epochs=2, total=200)
    for step in range(10, 201, 10):
        text += f"{row(step, 100)}\n"
        if step in (50, 100):
            text += f"{ {'eval_loss': 1.0, 'epoch': step / 100} }\n"
    path = tmp_path / "train.log"
    assert steps(path, text, "eval/loss") == [50, 100]
    assert steps(path, text) == list(range(10, 201, 10))


@pytest.mark.parametrize("told", ["bars", "epochs"])
def test_what_callbacks_print_besides_stands_between_the_losses(tmp_path: Path, told: str) -> None:
    """A callback prints a row of its own at every second step, also before the first and at those of the losses."""

    def made(step: int) -> Iterator[dict[str, Any]]:
        if step % 2 == 0:
            yield {"reward": 1.0, "epoch": round(step / 50, 2)}
        if step % 10 == 0:
            yield row(step, 50)

    text = console(100, 1, made)
    if told == "epochs":
        rows = [str(one) for step in range(1, 101) for one in made(step)]
        text = HEAD.format(examples=200, epochs=2, total=100) + "\n".join(rows)
    path = tmp_path / "train.log"
    assert steps(path, text) == list(range(10, 101, 10))
    assert steps(path, text, "train/reward") == list(range(2, 101, 2))


def test_training_that_logs_no_loss_is_told_by_what_it_logs(tmp_path: Path) -> None:
    text = console(30, 10, lambda step: iter([{"objective/kl": 0.1, "eps": 2, "epoch": 0.1}]))
    assert steps(tmp_path / "train.log", text, "train/objective/kl") == [10, 20, 30]


def test_logging_at_the_first_step_is_seen(tmp_path: Path) -> None:
    wanted = [1, *range(20, 201, 20)]
    text = HEAD.format(examples=400, epochs=2, total=200) + "\n".join(str(row(step, 100)) for step in wanted)
    assert steps(tmp_path / "train.log", text) == wanted


def test_counted_rows_are_said_to_be_counted(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    text = "".join(f"{{'loss': {loss}, 'epoch': 0.0}}\n" for loss in (3.0, 2.0)) + "{'eval_loss': 1.0}\n{'loss': 1.0}\n"
    assert steps(path, text) == [1, 2, 3]
    run = open_run(path)
    assert run.series["eval/loss"].steps.tolist() == [2]
    assert len(run.problems) == 1
    assert "steps are rows, counted" in run.problems[0]
    assert steps(path, text, every=10) == [10, 20, 30]
    assert "10 steps between two rows" in log_of_console(path, 10).problems[0]


def test_steps_in_the_rows_are_taken(tmp_path: Path) -> None:
    text = "INFO {'step': 5, 'loss': 2.0}\nINFO {'loss': 1.9, 'global_step': '10'}\nINFO {'eval_loss': 1.0}\n"
    assert steps(tmp_path / "a.log", text) == [5, 10]
    assert steps(tmp_path / "a.log", text, "eval/loss") == [10]


@pytest.mark.parametrize("heading", ["***** Running training *****\n", ""])
@pytest.mark.parametrize("told", ["bars", "epochs", "counted"])
def test_resumed_training_goes_back_and_is_reported(tmp_path: Path, told: str, heading: str) -> None:
    def attempt(first: int, last: int, loss: float) -> str:
        text = HEAD.format(examples=600, epochs=1, total=150) if told == "epochs" else heading
        for step in range(first, last + 1, 10):
            text += f"{row(step, 150) | {'loss': loss}}\n"
            text += f"\r 1%|1 | {step}/150 [00:29<1:22:01,  2.83s/it]\n" if told == "bars" else ""
        return text

    path = tmp_path / "train.log"
    every = 10 if told == "counted" else None
    assert steps(path, attempt(10, 80, 2.0) + attempt(60, 150, 1.0), every=every) == list(range(10, 151, 10))
    log = log_of_console(path, every)
    assert log.restarts == (60,)
    assert log.series["train/loss"].values.tolist() == [2.0] * 5 + [1.0] * 10


def test_training_that_began_again_is_told_by_its_heading_alone(tmp_path: Path) -> None:
    attempt = "***** Running training *****\n"
    for step in (10, 20, 30):
        attempt += f"{ {'loss': 1.0} }\n\r 1%|1 | {step}/150 [00:29<1:22:01,  2.83s/it]\n"
    path = tmp_path / "train.log"
    assert steps(path, attempt * 2) == [10, 20, 30]
    assert log_of_console(path).restarts == (10,)


# -- as a run ------------------------------------------------------------------------------------------------------------


def test_text_without_a_row_is_no_run(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary,\nthe loss fell today.\n")
    with pytest.raises(RunUnreadable, match="holds no log row") as caught:
        open_run(path)
    assert "\n" not in str(caught.value)


def test_console_of_our_own_run_is_readable_before_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("loading weights\n")
    with pytest.raises(RunUnreadable):
        open_run(path)
    (tmp_path / "run.json").write_text('{"method": "sft", "config": {}}')
    assert open_run(path).points == 0


def test_log_that_begins_like_a_list_is_a_console_log(tmp_path: Path) -> None:
    path = tmp_path / "slurm-1.err"
    path.write_text("[2026-01-01 10:00:00] INFO start\n{'loss': 1.0, 'epoch': 0.1}\n")
    assert open_run(path).points == 1


def test_large_log_is_read_in_seconds(tmp_path: Path) -> None:
    """14 MB of bars, rows and chatter with dicts; a reader that is quadratic anywhere takes minutes."""
    text = HEAD.format(examples=200_000, epochs=1, total=50_000)
    chatter = "{'ids': " + str(list(range(40))) + ", 'prompt': 'unclosed \" and {'}\n{'never closed\n"
    for step in range(10, 50_001, 10):
        bars = "".join(
            f"\r {at * 100 // 50_000}%|####      | {at}/50000 [00:29<1:22:01,  2.83s/it]"
            for at in range(step - 9, step + 1)
        )
        text += f"{bars * 5}\n{row(step, 50_000)}\n{chatter if step % 100 == 0 else ''}"
    path = tmp_path / "train.log"
    path.write_text(text)
    assert path.stat().st_size > 12e6
    start = time.process_time()
    log = log_of_console(path)
    assert time.process_time() - start < 10
    assert len(log.series["train/loss"]) == 5000


def test_brackets_without_end_do_not_cost_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.run.printed.PATIENCE", 1 << 20)
    start = time.process_time()
    found = list(dicts_in(b"{'a': " * 100_000 + b"\n{'loss': 1.0}"))
    assert time.process_time() - start < 10
    assert [one.values for one in found] == [{"loss": 1.0}]


def test_only_the_end_of_a_huge_log_is_read_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.run.console.MOST", 1 << 20)
    path = tmp_path / "train.log"
    path.write_text("{'loss': 9.0, 'step': 1}\n" + "x" * (1 << 20) + "\n{'loss': 1.0, 'step': 2}\n")
    run = open_run(path)
    assert run.series["train/loss"].steps.tolist() == [2]
    assert "only its last 1 MiB" in run.problems[0]
