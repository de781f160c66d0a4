"""A page's pulse: an unseen part that asks whether anything changed, and sets off an event only when something did."""

from __future__ import annotations

import json
from collections.abc import Callable

import gradio as gr

# It asks by a call of its own and not by an event: each event, even one that changes nothing, goes through the queue and
# touches every part that it could fill. What the page shows stands in its value, as the server drew it: an answer that
# was lost is asked for again. A page that nobody sees asks for nothing, and at once when it is seen again.
PULSE = """
let next, asking = false;
const shown = () => { try { return JSON.parse(props.value); } catch { return null; } };
const ask = async () => {
  clearTimeout(next);
  if (!element.isConnected || asking) return;
  asking = true;
  let seconds = 1;
  try {
    const now = shown();
    if (now && !document.hidden) {
      const [seen, pause] = await server.look(now.of || '');
      seconds = pause;
      const then = shown();
      if (seen !== then.seen && then.of === now.of) trigger('changed', {turn: then.turn});
    }
  } catch { } finally {
    asking = false;
    next = setTimeout(ask, seconds * 1000);
  }
};
document.addEventListener('visibilitychange', () => { if (!document.hidden) ask(); });
ask();
"""


def beat(look: Callable[[str], str], pace: Callable[[], float]) -> gr.HTML:
    """Lay out the pulse. Its event `changed` is to fill it with `drawn`, which starts it and says what the page shows.

    `look`: given what is looked at, a text that changes whenever that does; called by every open page, so it must be
    cheap. `pace`: seconds until the next look.
    """

    def asked(of: str) -> tuple[str, float]:
        return look(str(of)), pace()

    asked.__name__ = "look"
    return gr.HTML("", html_template="", js_on_load=PULSE, server_functions=[asked], elem_classes="unseen")


def drawn(seen: str, *, of: str = "", turn: int = 0) -> str:
    """What the page shows, as the pulse keeps it. `turn`: how often the user did something, as far as the page knows."""
    return json.dumps({"seen": seen, "of": of, "turn": turn})
