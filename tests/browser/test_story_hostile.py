"""A runs folder whose every text tries to be markup or script, on every page in both languages: it is shown, and nothing runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from dashboard.addresses import PAGES, Addresses
from dashboard.clinic import DEMO_FOLDER
from dashboard.runs.marks import Marks
from dashboard.texts import LANGS, Lang
from tests.browser.calm import Calm
from tests.browser.conftest import Served, serving

pytestmark = pytest.mark.slow
MINUTE = 60_000


def evil(place: int, closing: str = "/") -> str:
    """A text for one place. It is told by the number in it; `closing`: what a name of a folder cannot hold.

    Plotly and Markdown know some markup too: what is bold or a link shows `zzbold` alone.
    """
    return (
        f"<x-evil><img src=x onerror=alert({place})><b>zzbold<{closing}b><svg onload=alert({place})>"
        f"\" onmouseover=alert({place}) '<a href='javascript:alert({place})'>zzbold<{closing}a>"
        f"${{window.PWNED={place}}}{{{{window.PWNED={place}}}}}$\\frac{{1}}{{2}}$"
    )


NAME = evil(1, closing="")
OTHER = evil(2, closing="")
UNREADABLE = evil(3, closing="")
STAGE, TAG, NOTE, REASON, METRIC, PROMPT, ANSWER, REWARD, VALUE, KEY, CONSOLE, NEEDS, METHOD, ADDRESS = (
    evil(place) for place in range(4, 18)
)
# Elements that no page of ours has, attributes that run, markup that a renderer took as such.
FOREIGN = r"""() => {
  const found = [];
  const all = [...document.querySelectorAll('*')];
  for (const one of all) {
    const name = one.tagName.toLowerCase();
    if (name === 'x-evil' || (name === 'img' && one.getAttribute('src') === 'x')) found.push(name);
    for (const {name: attribute, value} of one.attributes) {
      if (/^on/.test(attribute) && /alert\(/.test(value)) found.push(`${name} ${attribute}`);
      if (/href$/.test(attribute) && /^\s*javascript:/i.test(value)) found.push(`${name} ${attribute}`);
    }
    if (one.children.length === 0 && one.textContent === 'zzbold') found.push(`${name}: zzbold`);
    if (one.classList.contains('katex') || /^mjx-/.test(name)) found.push('formula');
  }
  if (window.PWNED !== undefined) found.push(`PWNED ${window.PWNED}`);
  return [...new Set(found)];
}"""


def hostile_run(folder: Path, state: str) -> None:
    """A run whose texts are all of that kind; it failed with a traceback where its state says so."""
    folder.mkdir(parents=True)
    config = {
        "learning_rate": 1e-5,
        "beta": 0.1,
        "model_name_or_path": VALUE,
        "dataset_name": VALUE,
        "report_to": [VALUE],
        KEY: VALUE,
        "run_name": folder.name,
    }
    asked = {
        "schema": 1, "run": folder.name, "method": METHOD if state == "stopped" else "dpo", "config": config,
        "command": ["python", VALUE], "parent": OTHER, "fixes": [VALUE], "versions": {KEY: VALUE}, "seed": 0,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(asked))
    status = {"state": state, "step": 30, "max_steps": 60, "reason": REASON, "activity": REASON, "exit_code": 1}
    (folder / "status.json").write_text(json.dumps({**status, "started": 1.0}))
    rows = [{"step": step, "loss": 2.0 / step, METRIC: 1.0 * step, "grad_norm": 1.0} for step in range(1, 31)]
    rows[20]["loss"] = float("nan")
    rows[25] |= {"rewards/" + METRIC.replace("/", ""): 1.0}
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    (folder / "console.log").write_text(
        f"{CONSOLE}\nTraceback (most recent call last):\n"
        f'  File "{CONSOLE}", line 1, in <module>\nValueError: {CONSOLE}\n'
    )
    answers = [
        {
            "step": step,
            "prompt": f"{PROMPT} {n}",
            "completion": ANSWER * 20,
            "rewards": {REWARD: n / 9},
            "finished": True,
        }
        for step in (10, 30)
        for n in range(6)
    ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
    for step in (10, 30):
        (folder / f"checkpoint-{step}").mkdir()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    runs = tmp_path_factory.mktemp("hostile") / "runs"
    hostile_run(runs / NAME, "failed")
    hostile_run(runs / OTHER, "stopped")
    (runs / UNREADABLE).mkdir()
    (runs / UNREADABLE / "trainer_state.json").write_text("{" + REASON)
    Marks(runs).change([NAME, OTHER], tags=(TAG,), note=NOTE)
    (runs / DEMO_FOLDER).mkdir()
    stages = [{"name": STAGE, "steps": 9, "needs": [NEEDS]}, {"name": NAME, "steps": 9}]
    (runs / DEMO_FOLDER / "plan.json").write_text(json.dumps({"stages": stages, "compare": [NAME, OTHER]}))
    with serving(runs) as served:
        yield served


@pytest.fixture
def watched(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what ran in it that should not have: dialogs and failed scripts."""
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(30_000)
    ran: list[str] = []
    page.on("pageerror", lambda error: ran.append(str(error)))
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    yield page, ran
    context.close()


def look_closely(page: Page, calm: Calm) -> int:
    """Open all that is folded, and point at the plots; how many of them said something."""
    told = 0
    for fold in page.locator("button.label-wrap:not(.open)").all():
        if fold.is_visible():
            fold.click()
    calm.wait()
    for plot in page.locator(".js-plotly-plot:visible .nsewdrag").all()[:4]:
        plot.hover(force=True)
        page.wait_for_timeout(200)
        told += page.locator(".hoverlayer .legend, .hoverlayer .hovertext").count()
    return told


QUERIES = {
    "the runs": [("run", NAME), ("run", OTHER)],
    "an address": [
        (name, ADDRESS)
        for name in ("run", "q", "filter", "group", "metric", "x", "zoom", "smooth", "child", "prompt", "checkpoints", "method", "tab")
    ],
}  # fmt: skip
# What each page is to show of it as text, so that nothing passes because it was not there at all.
SHOWN = {
    "runs": (1, 2, 3, 4, 5, 6, 15),
    "diagnose": (2, 7),  # the run that was chosen last
    "compare": (1, 2),
    "train": (1,),
    "preflight": (),
    "memory": (),
    "learn": (),
    "settings": (),
    "share": (),
}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_of_a_run_runs_and_nothing_is_markup(
    watched: tuple[Page, list[str]], hostile: Served, name: str, lang: Lang
) -> None:
    page, ran = watched
    calm = Calm(page)
    for which, query in QUERIES.items():
        calm.opened(f"{hostile.address}/{Addresses('en').path(name, lang)}?{urlencode(query)}")  # type: ignore[arg-type]
        if which == "the runs":
            pointed = look_closely(page, calm)
            assert pointed or name != "runs"
            for tab in page.get_by_role("tab").all():
                tab.click()
                calm.wait()
                assert page.evaluate(FOREIGN) == [], which
            if page.get_by_role("tab").count():
                page.get_by_role("tab").first.click()
            told = page.evaluate(
                "document.body.innerText + [...document.querySelectorAll('input, textarea')].map(one => one.value).join()"
            )
            assert [n for n in SHOWN[name] if f"alert({n})" not in told] == []
        assert page.evaluate(FOREIGN) == [], which
        assert ran == [], which
