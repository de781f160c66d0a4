"""Takes the pictures of the READMEs from a finished demo: `python -m tests.pictures --runs RUNS`; `--only runs,train` for some.

The runs are copied first, so that looking at them leaves nothing behind. English pages are taken light, Chinese ones dark.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from dashboard.addresses import Addresses
from dashboard.addresses import Page as Name
from dashboard.texts import LANGS, Lang
from diagnostics.run.status import read_status
from tests.browser.chromium import FLAGS, installed
from tests.browser.conftest import serving

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
FOLDERS: dict[Lang, Path] = {"en": FOLDER, "zh": FOLDER / "zh"}
MOST_BYTES, MOST_BYTES_TOGETHER = 150_000, 1_500_000
# As wide as a README shows it, and half as fine again, for screens that show more.
WIDTH, HEIGHT, SCALE = 1240, 1000, 1.5
COLOURS = (256, 128, 64, 48, 32)
PATIENCE = 300_000  # milliseconds, for each thing that is waited for: the machine may be busy
NEEDED = ("base", "sft", "sft-too-hot", "sft-overtrained", "dpo", "kto", "reward", "ppo", "grpo", "rloo")
SHORTEN = """long => {
  const all = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let one = all.nextNode(); one; one = all.nextNode())
    if (one.data.includes(long)) one.data = one.data.replaceAll(long, 'runs');
  for (const one of document.querySelectorAll('input, textarea'))
    if (one.value.includes(long)) one.value = one.value.replaceAll(long, 'runs');
}"""
# Held-out prompts of the demo.
QUESTIONS: dict[Lang, str] = {"en": "My card was charged twice for order D16.", "zh": "订单C92到哪了？"}


@dataclass(frozen=True)
class Visit:
    """An open page of one language. `runs`: the copied runs folder; `source`: where the runs were trained."""

    page: Page
    address: str
    lang: Lang
    runs: Path
    source: Path

    def go(self, name: Name, query: str = "") -> None:
        """Open a page of the dashboard."""
        self.page.goto(f"{self.address}/{Addresses('en').path(name, self.lang)}{query}")

    def last(self, run: str) -> str:
        """A run's last checkpoint, as the address of the Compare page names it."""
        steps = [int(one.name.split("-")[1]) for one in (self.runs / run).glob("checkpoint-*")]
        return f"{run}/checkpoint-{max(steps)}"

    def shorten(self) -> None:
        """Write the folder of runs as the documents do: a picture shows no path of the machine on which it was taken."""
        for one in (self.runs, self.source.resolve()):
            self.page.evaluate(SHORTEN, str(one))

    def still(self) -> None:
        """Wait until nothing moves."""
        self.page.wait_for_timeout(1500)


def runs(visit: Visit) -> bytes:
    """The two answers, the demo's stages and the table."""
    visit.go("runs")
    expect(visit.page.locator(".first-answer")).to_have_count(2, timeout=PATIENCE)
    expect(visit.page.locator("table.runs svg.spark").first).to_be_visible(timeout=PATIENCE)
    return between(visit, ".clinic-header", "#runs-table")


def curves(visit: Visit) -> bytes:
    """Curves of several runs over each other."""
    visit.go("runs", "?run=dpo&run=kto&run=sft&run=sft-too-hot&group=&smooth=0.6")
    expect(visit.page.locator(".plots .plot").first).to_be_attached(timeout=PATIENCE)
    visit.page.locator(".plots").scroll_into_view_if_needed()  # a plot is drawn once it is near what is seen
    expect(visit.page.locator(".plots .js-plotly-plot").first).to_be_visible(timeout=PATIENCE)
    return between(visit, "#curve-groups", ".plots", most=566)


def compare(visit: Visit) -> bytes:
    """Three checkpoints answer the same prompt."""
    names = ",".join(visit.last(one) for one in ("base", "sft", "dpo"))
    visit.go("compare", f"?checkpoints={names}&prompt={QUESTIONS[visit.lang]}")
    expect(visit.page.locator("#prompt textarea")).to_have_value(QUESTIONS[visit.lang], timeout=PATIENCE)
    visit.page.locator("#go").click()
    expect(visit.page.locator(".pane-done")).to_have_count(3, timeout=PATIENCE)
    expect(visit.page.locator("#verdict .note-good").first).to_be_visible(timeout=PATIENCE)
    return between(visit, "#panes", "#changes", most=760)


def verdict(visit: Visit) -> bytes:
    """The verdict over all held-out prompts."""
    visit.go("compare", f"?tab=set&checkpoints={visit.last('base')},{visit.last('dpo')}")
    expect(visit.page.locator("#set-rewards textarea")).not_to_have_value("", timeout=PATIENCE)
    visit.page.locator("#set-go").click()
    expect(visit.page.locator("#set-verdict .forest-good .dot").first).to_be_visible(timeout=PATIENCE)
    return between(visit, "#set-verdict", "#set-verdict", most=620)


def diagnose(visit: Visit) -> bytes:
    """A finding beside the curve that shows it."""
    visit.go("diagnose", "?run=sft-too-hot")
    expect(visit.page.locator(".finding-row .js-plotly-plot").first).to_be_visible(timeout=PATIENCE)
    return between(visit, ".run-head", ".finding-row", most=700)


def train(visit: Visit) -> bytes:
    """The form as a run fills it, with its command."""
    visit.go("train", "?run=dpo")
    expect(visit.page.locator("#train-command pre")).to_be_visible(timeout=PATIENCE)
    expect(visit.page.locator("#train-field-learning_rate input").first).to_be_visible(timeout=PATIENCE)
    return between(visit, "#train-method", "#train-start", most=1150)


def preflight(visit: Visit) -> bytes:
    """Rows as tokens, coloured by what is trained on."""
    visit.go("preflight", "?run=sft")
    expect(visit.page.locator("#pre-method input")).not_to_have_value("", timeout=PATIENCE)
    visit.page.locator("#pre-go").click()
    expect(visit.page.locator("#pre-seen .tok-trained").first).to_be_visible(timeout=PATIENCE)
    return between(visit, "#pre-seen", "#pre-seen", most=760)


def memory(visit: Visit) -> bytes:
    """What a model of 8 billion needs on 24 GiB, and the changes with which it fits."""
    visit.go("memory")
    expect(visit.page.locator("#mem-head .note").first).to_be_visible(timeout=PATIENCE)
    visit.page.locator("#mem-gib input").fill("24")
    visit.page.locator("#mem-fit").click()
    expect(visit.page.locator("#mem-ways .option").first).to_be_visible(timeout=PATIENCE)
    return between(visit, "#mem-head", "#mem-ways", most=1000)


def learn(visit: Visit) -> bytes:
    """The course."""
    visit.go("learn")
    expect(visit.page.locator(".exercise-done").first).to_be_visible(timeout=PATIENCE)
    return between(visit, ".clinic-header", ".gradio-container", most=760)


PICTURES: dict[str, Callable[[Visit], bytes]] = {
    one.__name__: one for one in (runs, curves, compare, verdict, diagnose, train, preflight, memory, learn)
}


def between(visit: Visit, first: str, last: str, most: int = 900) -> bytes:
    """The page from the top of one element to the end of another, `most` pixels high at most."""
    visit.still()
    visit.shorten()
    top, bottom = (place(visit.page.locator(one).first) for one in (first, last))
    height = min(bottom["y"] + bottom["height"] - top["y"] + 12, most)
    clip = {"x": 0, "y": max(0, top["y"] - 6), "width": WIDTH, "height": height}
    return visit.page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]


def place(one: Locator) -> dict[str, float]:
    """Where an element is on the whole page, in pixels."""
    found: dict[str, float] = one.evaluate(
        "one => { const box = one.getBoundingClientRect(); return {y: box.y + window.scrollY, height: box.height} }"
    )
    return found


def small(png: bytes) -> bytes:
    """The picture with as many colours as the limit of bytes allows.

    Raises:
        ValueError: even with few colours it is too large.
    """
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        made = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(made, "png", optimize=True)
        if made.tell() <= MOST_BYTES:
            return made.getvalue()
    raise ValueError(f"{made.tell()} bytes with {COLOURS[-1]} colours; {MOST_BYTES} are allowed: crop it")


@contextmanager
def looking(browser: Browser, lang: Lang) -> Iterator[Page]:
    """A browser's page in one language: English light, Chinese dark."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=SCALE,
        locale={"en": "en-US", "zh": "zh-CN"}[lang],
        color_scheme="light" if lang == "en" else "dark",
    )
    theme = "light" if lang == "en" else "dark"
    context.add_init_script(f"localStorage.setItem('clinic-theme', '{theme}')")
    yield context.new_page()
    context.close()


def unfinished(runs: Path) -> list[str]:
    """The runs of the demo that are not there, or not finished."""
    return [one for one in NEEDED if not (runs / one).is_dir() or read_status(runs / one).state != "finished"]


def take(source: Path, names: list[str]) -> list[str]:
    """Take these pictures in both languages. Returns those that failed twice, which stay as they were, with the reason."""
    failed = []
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        copy = Path(scratch) / "runs"
        shutil.copytree(
            source, copy, ignore=shutil.ignore_patterns("optimizer.pt", ".workers", ".compare", ".children")
        )
        browser = playwright.chromium.launch(executable_path=installed(), args=FLAGS)
        with serving(copy, patience=PATIENCE / 1000) as served:
            for lang in LANGS:
                FOLDERS[lang].mkdir(parents=True, exist_ok=True)
                for name in names:
                    path = FOLDERS[lang] / f"{name}.png"
                    for last in (False, True):
                        try:
                            with looking(browser, lang) as page:
                                page.set_default_timeout(PATIENCE)
                                png = small(PICTURES[name](Visit(page, served.address, lang, copy, source)))
                        except (AssertionError, PlaywrightError, ValueError) as error:
                            if last:
                                failed.append(f"{path}: {error}")
                            continue
                        path.write_bytes(png)
                        print(f"{path.relative_to(FOLDER.parents[1])}: {len(png):,} bytes", flush=True)
                        break
        browser.close()
    return failed


def main(arguments: list[str] | None = None) -> int:
    """The command line. 1: a picture could not be taken; 2: the runs are no finished demo, or a picture has no such name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="the folder of a finished demo")
    parser.add_argument("--only", default=",".join(PICTURES), help="names of pictures between commas")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    if unknown := [one for one in names if one not in PICTURES]:
        print(f"--only: there is no picture {', '.join(unknown)}; there are {', '.join(PICTURES)}", file=sys.stderr)
        return 2
    if missing := unfinished(options.runs):
        print(
            f"{options.runs}: not finished: {', '.join(missing)}; run: python -m training demo --runs {options.runs}",
            file=sys.stderr,
        )
        return 2
    failed = take(options.runs, names)
    for one in failed:
        print(one, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
