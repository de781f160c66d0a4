"""The Share page's panel as HTML: how far a start is, the link with its password, who is on, how it ended and what else would do."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from pathlib import Path

from dashboard.html import note, pill, text
from dashboard.progress import time_words
from dashboard.sharing.desk import Failed, Standing
from dashboard.sharing.keeper import READY_SECONDS
from dashboard.sharing.limits import HOURS_MOST
from dashboard.sharing.state import Cause, State
from dashboard.sharing.view import clock
from dashboard.texts import Words

CURRENT = ' aria-current="step"'
STAGES = ("pages", "program", "tunnel")
# By the kind of failure; one of no known kind says for itself what it is.
WHY: Mapping[Cause, str] = {
    "blocked": "share.why_blocked",
    "checksum": "share.why_checksum",
    "refused": "share.why_refused",
    "program": "share.why_program",
    "port": "share.why_port",
}
# Copies what stands in the field before a button, and says so on it. Where a browser gives no clipboard the text is selected.
COPY = """
element.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const field = button.parentElement.querySelector('code');
  const chosen = document.createRange();
  chosen.selectNodeContents(field);
  getSelection().removeAllRanges();
  getSelection().addRange(chosen);
  const before = button.dataset.before || (button.dataset.before = button.textContent);
  try { await navigator.clipboard.writeText(field.textContent); }
  catch { if (!document.execCommand('copy')) return; }
  button.textContent = button.dataset.copy;
  setTimeout(() => { button.textContent = before; }, 2000);
});
"""


def fingerprint(standing: Standing, now: float | None = None) -> str:
    """Changes whenever the panel does: by the minute while a link is on, by the second while it is made."""
    at = time.time() if now is None else now
    state = standing.state
    left = int((state.ends - at) / 60) if state is not None and standing.kind == "on" else 0
    detail = standing.refusal.detail if standing.refusal else ""
    return f"{standing.kind} {int(standing.since)} {left} {state} {detail} {standing.cancelled}"


def panel_html(standing: Standing, words: Words, shows_password: bool, now: float | None = None) -> str:
    """The panel as sharing stands."""
    at = time.time() if now is None else now
    if standing.kind == "starting":
        return starting_html(standing, words)
    if standing.kind == "on" and standing.state is not None:
        return on_html(standing, standing.state, words, shows_password, at)
    return off_html(standing, words)


def starting_html(standing: Standing, words: Words) -> str:
    """How far the making of a link is: its steps, the one at work marked, and the seconds it has taken."""
    state, asked = standing.state, standing.asked
    stage = state.stage if state is not None and state.phase == "starting" and state.stage else "pages"
    wanted = STAGES if asked is None or asked.link == "tunnel" else STAGES[:1]
    here = wanted.index(stage) if stage in wanted else 0
    kinds = ["done" if place < here else "now" if place == here else "later" for place in range(len(wanted))]
    rows = "".join(
        f'<li class="{kind}"{CURRENT if kind == "now" else ""}>{text(words(f"share.stage_{one}"))}</li>'
        for kind, one in zip(kinds, wanted, strict=True)
    )
    took = words("share.taking", seconds=int(standing.since), most=int(READY_SECONDS / 60))
    return (
        f'<section class="share-card"><h2>{text(words("share.starting"))}</h2><ol class="share-stages">{rows}</ol>'
        f'<p class="quiet">{text(took)}</p></section>'
    )


def on_html(standing: Standing, state: State, words: Words, shows_password: bool, at: float) -> str:
    """The link that is on: where, with which password, who is on it, and when it ends."""
    asked = standing.asked
    names = "".join(f'<span class="own-tag">{text(name)}</span>' for name in state.runs)
    mode = words("share.on_try" if state.mode == "try" else "share.on_view")
    fields = field_html(words("share.field_link"), state.url, words) if state.url else ""
    fields += field_html(words("share.field_local"), state.local, words)
    if asked is not None and shows_password:
        fields += field_html(words("share.password"), asked.password, words)
    else:
        why = "share.password_elsewhere" if asked is None else "share.password_hidden"
        fields += f"<dt>{text(words('share.password'))}</dt><dd>{text(words(why))}</dd>"
    how = "" if state.url else ways_html(state, words)
    return (
        f'<section class="share-card share-on"><h2>{pill(words("share.is_on"), "good")} {text(mode)}</h2>'
        f'<p class="share-runs">{names}</p><dl class="share-fields">{fields}</dl>'
        f'<p class="quiet">{text(words("share.hand_over"))}</p>{how}{who_html(state, words, at)}'
        f'<p class="quiet">{text(words("share.ends_when", ends=clock(state.ends)))}</p></section>'
    )


def field_html(label: str, value: str, words: Words) -> str:
    """A value to be handed on, with a button that copies it."""
    copied, name = text(words("share.copied")), text(words("share.copy_what", what=label))
    return (
        f"<dt>{text(label)}</dt><dd><code>{text(value)}</code>"
        f'<button type="button" class="choice" data-copy="{copied}" title="{name}">{text(words("share.copy"))}</button></dd>'
    )


def who_html(state: State, words: Words, at: float) -> str:
    """Who is on, what they have done so far, and the time that is left."""
    count = len(state.visitors)
    names = ", ".join(state.visitors)
    on = words("share.now_some", count=count) if count else words("share.now_none")
    left = time_words(max(0.0, state.ends - at), words)
    facts = [(words("share.fact_now"), on + (f": {names}" if names else "")), (words("share.fact_left"), left)]
    if state.mode == "try":
        facts += [
            (words("share.fact_prompts"), f"{state.prompts:,}"),
            (words("share.fact_votes"), f"{state.votes:,}"),
        ]
    facts.append((words("share.fact_failed"), f"{state.failed:,}"))
    rows = "".join(f"<div><dt>{text(label)}</dt><dd>{text(value)}</dd></div>" for label, value in facts)
    return f'<dl class="share-facts">{rows}</dl>'


def ways_html(state: State, words: Words) -> str:
    """How others reach a server without a tunnel: by SSH, or by a proxy that stands before it."""
    ssh = f"ssh -R 8080:127.0.0.1:{state.port} {words('share.ssh_where')}"
    return (
        f"<p>{text(words('share.ways_now'))}</p><dl class='share-fields'>{field_html('SSH', ssh, words)}"
        f"{field_html(words('share.proxy'), f'proxy_pass {state.local}', words)}</dl>"
    )


def off_html(standing: Standing, words: Words) -> str:
    """That nothing is shared; after a link or a try at one, how that ended and what else would do."""
    if standing.refusal is not None:
        return refusal_html(standing.refusal, words)
    if standing.cancelled:
        return note(words("share.cancelled"))
    state = standing.state
    if state is None or state.phase != "ended":
        return note(words("share.is_off", most=int(HOURS_MOST)))
    detail = state.detail if state.reason in ("tunnel", "crashed", "failed") else ""
    told = words(f"share.ended_{state.reason or 'crashed'}", detail=detail)
    return note(told, "good" if state.reason in ("stopped", "expired") else "warning")


def refusal_html(refusal: Failed, words: Words) -> str:
    """Why there is no link, what the machine said of it, and what else would do."""
    asked = refusal.asked
    known = WHY.get(refusal.cause)
    told = note(words(known) if known else words("share.ended_failed", detail=refusal.detail), "error")
    said = f'<p class="quiet">{text(words("share.it_said", detail=refusal.detail))}</p>' if known else ""
    if asked.link != "tunnel":
        return told + said
    export = f"python -m diagnostics export {shlex.quote(str(Path(asked.root) / asked.runs[0]))} --out runs.html"
    others = "".join(f"<li>{text(words(f'share.instead_{one}', command=export))}</li>" for one in INSTEAD)
    return f'{told}{said}<p class="label">{text(words("share.instead"))}</p><ul class="share-instead">{others}</ul>'


INSTEAD = ("ssh", "proxy", "file", "space")
