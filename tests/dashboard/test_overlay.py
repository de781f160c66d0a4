"""Overlaid curves: the right tags, axes and marks, and what is drawn again when."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.clinic import Clinic
from dashboard.html import text
from dashboard.plots.curves import COLOURS, evidence_figure, flat_axis, metric_figure, score_figure
from dashboard.plots.sparkline import WIDTH, key_series, sparkline
from dashboard.plots.tag_help import one_metric, tag_html
from dashboard.progress import seconds_left, share_done, time_words
from dashboard.runs.config_diff import config_html, config_rows
from dashboard.runs.figure import overlay_figure
from dashboard.runs.overlay import along, colours_of, curve_of, groups_of, lacking, pins_of, tags_drawn, unit_of_time
from dashboard.runs.selection import Look
from dashboard.texts import Words
from diagnostics.finding import Diagnosis, SeriesEvidence
from diagnostics.metrics import metric_of
from diagnostics.run import Run, Series, open_run
from diagnostics.run.record import Sample
from diagnostics.run.status import Status
from tests.conftest import event
from tests.dashboard.test_views import CASES, EVIL

EN, ZH = Words("en"), Words("zh")
BLUE = (COLOURS[0], "solid")
Write = Callable[[Path, Iterable[tuple[str, int, float]]], Path]


def made(name: str = "a", method: str = "sft", status: Status | None = None, **series: list[float]) -> Run:
    """A run that logged these values at steps 1, 2, …; two underscores in a name are a slash."""
    tags = {tag.replace("__", "/"): values for tag, values in series.items()}
    known = {tag: Series(tag, np.arange(1, len(v) + 1), np.array(v, dtype=float)) for tag, v in tags.items()}
    return Run(Path(name), name, method, status or Status("finished"), {}, known)


def test_groups_begin_with_what_to_look_at_first() -> None:
    run = made(
        method="grpo",
        train__loss=[1, 2],
        train__reward=[1, 2],
        eval__loss=[1, 2],
        train__rewards__polite__mean=[1, 2],
        train__completions__mean_length=[1, 2],
        train__epoch=[1, 2],
        train__train_runtime=[9],
    )
    groups = groups_of([run, made("b", train__loss=[1, 2], objective__kl=[1, 2])])
    assert list(groups) == ["overview", "trainer", "completions", "objective", "rewards"]
    assert groups["overview"][:3] == ["train/reward", "train/loss", "eval/loss"]
    assert groups["trainer"] == ["train/epoch", "train/loss", "eval/loss", "train/reward"]
    assert not any("train/train_runtime" in tags for tags in groups.values())
    assert tags_drawn(Look(group="rewards"), groups) == ["train/rewards/polite/mean"]
    assert tags_drawn(Look(group="gone"), groups) == groups["overview"]
    assert tags_drawn(Look(group="rewards", metric="LOSS eval"), groups) == ["eval/loss"]
    assert groups_of([]) == {}
    assert tags_drawn(Look(), {}) == []


def test_time_and_tokens_as_axes(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    rows = [
        (tag, step, wall)
        for step, wall in ((1, 1000.0), (2, 1060.0), (4, 1180.0))
        for tag in ("train/loss", "train/num_tokens")
    ]
    data = b"".join(event(tag, step, 100.0 * step if "tokens" in tag else 1.0, wall) for tag, step, wall in rows)
    (folder / "events.out.tfevents.1.h.1.0").write_bytes(data)
    run = open_run(folder)
    steps = np.array([1, 2, 3, 4])
    assert along(run, steps, "time") == pytest.approx([0, 60, 120, 180])
    assert along(run, steps, "tokens") == pytest.approx([100, 200, 300, 400])
    assert along(run, np.array([0]), "tokens") == pytest.approx([0])
    assert unit_of_time([run]) == ("minutes", 60.0)
    bare = made("bare", train__loss=[1, 2])
    assert lacking([run, bare], "time") == lacking([run, bare], "tokens") == ["bare"]
    assert lacking([run, bare], "step") == []
    curve = curve_of(run, "train/loss", Look(x="time"), colour=BLUE, runs=1, scale=60.0)
    assert curve is not None
    assert curve.x == pytest.approx([0, 1, 3])
    assert curve_of(bare, "train/loss", Look(x="time"), colour=BLUE, runs=1) is None
    figure = overlay_figure([curve], Look(x="time"), EN, unit="minutes")
    assert figure.layout.xaxis.title.text == "time (minutes)"


def test_time_does_not_run_back_where_a_run_was_resumed() -> None:
    run = made(train__loss=[1, 2, 3])
    run = replace(run, times=Series("wall_time", np.array([1, 2, 3]), np.array([50.0, 10.0, 20.0])))
    curve = curve_of(run, "train/loss", Look(x="time"), colour=BLUE, runs=1)
    assert curve is not None
    assert (np.diff(curve.x) >= 0).all()
    assert curve.y.tolist() == [2, 3, 1]


def test_a_run_keeps_its_colour_while_others_come_and_go() -> None:
    there = [f"r{place}" for place in range(12)]
    alone = colours_of(["r3"], there)
    assert alone["r3"] == colours_of(["r1", "r3", "r5"], there)["r3"]
    both = colours_of(["r1", "r9"], there)  # the ninth would have the first's
    assert len(set(both.values())) == 2
    assert len(set(colours_of(there, there).values())) == 12


def test_smoothing_draws_the_raw_line_behind_and_gaps_stay() -> None:
    values = [1.0, 2.0, float("nan"), 4.0, 5.0] * 10
    run = replace(made(train__loss=values), checkpoints={10: Path("checkpoint-10")})
    curve = curve_of(run, "train/loss", Look(smoothing=0.5), colour=BLUE, runs=1)
    assert curve is not None
    assert curve.checkpoints == ((10.0, 10),)
    assert curve.bad.tolist() == list(range(3, 51, 5))
    assert np.isnan(curve.y[curve.x == 3]).all()
    figure = overlay_figure([curve], Look(smoothing=0.5), EN)
    raw, line, checkpoints, bad = figure.data
    assert (raw.opacity, raw.hoverinfo) == (0.3, "skip")
    assert raw.y[1] == 2.0
    assert 1.0 < line.y[1] < 2.0
    assert (checkpoints.text[0], bad.marker.symbol) == ("checkpoint at step 10", "x")
    assert len(overlay_figure([curve], Look(), EN).data) == 3


def test_findings_are_pinned_where_they_began() -> None:
    run = open_run(CASES / "loss-not-finite" / "bad-hidden-as-zero.json")
    diagnosis = Clinic(Path()).diagnosis(run)
    shown = {one.tag for finding in diagnosis.findings for one in finding.evidence if hasattr(one, "tag")}
    assert "train/grad_norm" in shown
    pins = pins_of(run, diagnosis, "train/grad_norm", Look())
    assert (40, "loss-not-finite") in [(pin.step, pin.rule) for pin in pins]
    assert pins_of(run, None, "train/grad_norm", Look()) == []
    others = set(run.series) - shown
    assert others
    assert not any(pins_of(run, diagnosis, tag, Look()) for tag in others)
    for words, title in ((EN, "not finite"), (ZH, "有限")):
        curve = curve_of(run, "train/grad_norm", Look(), colour=BLUE, runs=1, pins=pins)
        assert curve is not None
        texts = [one.text[0] for one in overlay_figure([curve], Look(log=True), words).data if one.text]
        assert any("loss-not-finite" in one for one in texts), title


def test_a_finding_without_a_curve_is_pinned_to_the_runs_own_metric() -> None:
    run = made(train__loss=[3.0, 2.0, 1.0], train__epoch=[1, 2, 3])
    found = Clinic(Path()).diagnosis(open_run(CASES / "loss-not-finite" / "bad-hidden-as-zero.json")).findings[0]
    lone = Diagnosis((replace(found, evidence=(), first_step=2),), (), 1)
    assert [(pin.step, pin.y) for pin in pins_of(run, lone, "train/loss", Look())] == [(2, 2.0)]
    assert pins_of(run, lone, "train/epoch", Look()) == []


def test_a_part_of_the_axis_is_drawn_finer_and_its_line_goes_on() -> None:
    run = made(train__loss=np.random.default_rng(0).normal(size=100_000).tolist())
    whole = curve_of(run, "train/loss", Look(), colour=BLUE, runs=1)
    part = curve_of(run, "train/loss", Look(zoom=(500.5, 700.5)), colour=BLUE, runs=1)
    assert whole is not None
    assert part is not None
    assert part.x.tolist() == list(range(500, 702))
    assert ((whole.x > 500) & (whole.x < 700)).sum() < 10
    figure = overlay_figure([part], Look(zoom=(500.5, 700.5)), EN)
    assert list(figure.layout.xaxis.range) == [500.5, 700.5]


def test_a_part_of_the_axis_is_smoothed_as_the_whole_is() -> None:
    """What came before the part counts in its average: zooming in moves no curve."""
    run = made(train__loss=[100.0] * 20 + [0.0] * 20)
    look = Look(smoothing=0.9)
    whole = curve_of(run, "train/loss", look, colour=BLUE, runs=1)
    part = curve_of(run, "train/loss", replace(look, zoom=(22.0, 30.0)), colour=BLUE, runs=1)
    assert whole is not None
    assert part is not None
    assert part.x.tolist() == list(range(21, 32))
    assert part.y.tolist() == whole.y[20:31].tolist()
    assert part.y[0] > 50


def test_no_name_of_a_run_is_markup_in_a_plot() -> None:
    """Plotly takes a name as a small HTML of its own: bold, links, line breaks."""
    run = replace(made(EVIL, train__loss=[1.0, float("nan"), 3.0]), checkpoints={2: Path("checkpoint-2")})
    found = Clinic(Path()).diagnosis(open_run(CASES / "loss-not-finite" / "bad-hidden-as-zero.json")).findings[0]
    pins = pins_of(run, Diagnosis((replace(found, evidence=(), first_step=1),), (), 1), "train/loss", Look())
    curve = curve_of(run, "train/loss", Look(), colour=BLUE, runs=1, pins=pins)
    assert curve is not None
    figure = overlay_figure([curve], Look(), EN)
    assert len(figure.data) == 4  # the line, the checkpoint, the NaN, the finding
    assert {one.name for one in figure.data} == {text(EVIL)}
    for drawn in (
        metric_figure([run], EVIL, EN),
        metric_figure([run], "train/loss", EN),
        score_figure([scored()], EVIL, EN),
    ):
        assert drawn is not None
        assert "<img" not in json.dumps(drawn.to_plotly_json(), default=str)


def test_a_constant_curve_is_drawn_on_a_range_of_its_own_size() -> None:
    rate = made(train__learning_rate=[1e-5] * 9, train__loss=[1.0, 2.0, 1.5])
    for look, tag, expected in (
        (Look(), "train/learning_rate", [0.5e-5, 1.5e-5]),
        (Look(smoothing=0.5), "train/learning_rate", [0.5e-5, 1.5e-5]),
        (Look(log=True), "train/learning_rate", None),
        (Look(), "train/loss", None),
    ):
        curve = curve_of(rate, tag, look, colour=BLUE, runs=1)
        assert curve is not None
        found = overlay_figure([curve], look, EN).layout.yaxis.range
        assert (found and list(found)) == (expected and pytest.approx(expected))
        plain = metric_figure([rate], tag, EN, log_scale=look.log).layout.yaxis.range
        assert (plain and list(plain)) == (expected and pytest.approx(expected))
    assert flat_axis([np.array([np.nan, -2.0]), np.array([-2.0])])["range"] == [-3.0, -1.0]
    assert flat_axis([np.zeros(3)]) == flat_axis([]) == flat_axis([np.array([1.0, 1.1])]) == {}
    evidence = evidence_figure(rate, SeriesEvidence("train/learning_rate", (), ()), EN)
    assert evidence is not None
    assert list(evidence.layout.yaxis.range) == pytest.approx([0.5e-5, 1.5e-5])


def test_scores_of_many_runs_leave_a_narrow_screen_its_plot() -> None:
    runs = [replace(scored(), name=f"a-run-with-quite-a-long-name-{place}") for place in range(9)]
    figure = score_figure(runs, EVIL, EN)
    assert figure is not None
    assert figure.layout.showlegend is False
    assert figure.layout.xaxis.tickvals[0] == "a-run-with-quite-a-long-name-0 1"
    assert [len(one) for one in figure.layout.xaxis.ticktext] == [24] * 9


def scored() -> Run:
    """A run whose name and reward are markup."""
    return replace(made(EVIL), samples=[Sample(1, f"p{n}", EVIL, {EVIL: n / 9}, {}) for n in range(6)])


def test_healthy_limits_are_drawn_only_among_the_values() -> None:
    metric = metric_of("dpo", "train/rewards/margins")
    assert metric is not None
    low, high = metric.healthy.low, metric.healthy.high
    assert low is not None
    assert high is not None
    for top, lines in ((high * 2, [high, low]), (high / 2, [low])):
        run = made(method="dpo", train__rewards__margins=[0.0, top])
        curve = curve_of(run, "train/rewards/margins", Look(), colour=BLUE, runs=1)
        assert curve is not None
        figure = overlay_figure([curve], Look(), EN, metric=metric)
        assert [shape.y0 for shape in figure.layout.shapes] == lines


def test_a_tag_is_explained_with_its_healthy_range_in_both_languages() -> None:
    runs = [made("a", "dpo", train__rewards__margins=[1, 2]), made("b", "sft", train__rewards__margins=[1, 2])]
    metric = metric_of("dpo", "train/rewards/margins")
    assert metric is not None
    assert f"{metric.healthy.high:g}" in tag_html("train/rewards/margins", runs[:1], 0, EN)
    chinese = tag_html("train/rewards/margins", runs, 3, ZH)
    assert "健康的训练" in chinese
    assert 'aria-describedby="tag-tip-3"' in chinese
    # The losses of two methods are two things: each is explained, and no limit is drawn for both.
    losses = [made("a", "dpo", train__loss=[1, 2]), made("b", "grpo", train__loss=[1, 2])]
    both = tag_html("train/loss", losses, 0, EN)
    assert both.index("<b>dpo</b>") < both.index("<b>grpo</b>")
    assert one_metric(losses, "train/loss") is None
    assert "nothing is known" in tag_html("train/my_own", [made(train__my_own=[1, 2])], 0, EN)
    assert one_metric(runs[:1], "train/rewards/margins") == metric
    assert one_metric(runs, "train/nothing") is None
    evil = tag_html(EVIL, [made(**{EVIL: [1, 2]})], 0, EN)
    assert "<img" not in evil


def test_only_what_differs_is_shown_of_the_configs() -> None:
    one = replace(made("a"), config={"learning_rate": 1e-6, "beta": 1, "output_dir": "x", "note": EVIL})
    two = replace(
        made("b", "dpo"), config={"learning_rate": 1e-6, "beta": 1.0, "output_dir": "y", "seed": 7, "tf32": 1}
    )
    one, two = replace(one, asked={"note": EVIL}), replace(two, asked={"seed": 7})  # tf32 was only logged
    assert [name for name, _ in config_rows([one, two], differences_only=True)] == ["method", "note", "seed"]
    assert len(config_rows([one, two], differences_only=False)) == 7
    html = config_html([one, two], EN, differences_only=True)
    assert "<img" not in html
    assert html.count('class="other"') == 3
    assert "No argument differs" in config_html([one, replace(one, name="c")], EN, differences_only=True)
    assert "choose a second" in config_html([one], EN, differences_only=True)
    assert "learning_rate" in config_html([one], EN, differences_only=False)
    assert "Choose runs" in config_html([], EN, differences_only=True)
    assert "None of these" in config_html([made("x", "")], EN, differences_only=False)


def test_the_key_metric_is_the_methods_own() -> None:
    run = made(method="dpo", train__loss=[1, 2], train__rewards__accuracies=[0.1, 0.9])
    assert key_series(run) is run.series["train/rewards/accuracies"]
    assert key_series(replace(run, method="sft")) is run.series["train/loss"]
    assert key_series(made(eval__loss=[1])).tag == "eval/loss"  # type: ignore[union-attr]
    assert key_series(made()) is None


def test_a_sparkline_keeps_spike_gap_and_end() -> None:
    values = np.zeros(100_000)
    values[50_000] = 9.0
    values[70_000:80_000] = np.nan
    svg = sparkline(Series("t", np.arange(100_000), values), EVIL)
    line = svg.split('<path d="')[1].split('"')[0]
    assert line.count("M") == 2  # lifted once
    assert " 3.0" in line  # the spike reaches the top
    assert svg.count('class="bad"') >= 6
    assert "<img" not in svg
    assert len(svg) < 6_000
    for odd in ([], [1.0], [float("nan")] * 3, [1e308, -1e308], [5.0, 5.0]):
        if odd:
            drawn = sparkline(Series("t", np.arange(len(odd)), np.array(odd)), "x")
            assert "nan" not in drawn.replace('class="bad"', "")
            assert f'width="{WIDTH}"' in drawn


def test_time_left_is_by_the_rate_of_the_last_rows() -> None:
    status = Status("running", step=60, max_steps=100, started=0.0, heartbeat=600.0)
    run = made(status=status, train__loss=[1.0] * 60)
    assert seconds_left(run) == pytest.approx(400.0)
    steps = np.arange(1, 61)
    slow_start = np.where(steps <= 5, steps * 100.0, 500.0 + 2.0 * (steps - 5))
    assert seconds_left(replace(run, times=Series("wall_time", steps, slow_start))) == pytest.approx(80.0)
    assert share_done(run) == 0.6
    assert seconds_left(replace(run, status=replace(status, state="finished"))) is None
    assert seconds_left(replace(run, status=replace(status, step=0, max_steps=0))) is None
    assert share_done(made()) is None
    told = [time_words(seconds, EN) for seconds in (0.2, 89, 600, 7 * 3600, 72 * 3600)]
    assert told == ["1 s left", "89 s left", "10 min left", "7.0 h left", "3.0 days left"]


def test_figures_are_small_for_the_browser() -> None:
    run = made(train__loss=np.random.default_rng(1).normal(size=200_000).tolist())
    curve = curve_of(run, "train/loss", Look(), colour=BLUE, runs=1)
    assert curve is not None
    sent = overlay_figure([curve], Look(), EN).to_json()
    assert len(sent) < 20_000
    assert "bdata" in json.loads(sent)["data"][0]["y"]
