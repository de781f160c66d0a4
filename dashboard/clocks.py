"""What Gradio does by the clock while nothing happens, made rarer: in an open page, and in the server."""

from __future__ import annotations

from typing import Any

# Gradio counts the seconds of whatever is loading in a loop of frames, and the one it begins before the page is there is
# never stopped (6.31: the tracker is taken away while it counts), so that no page of its ever rests. Such a loop, known by
# what it computes, goes on once a second: it counts tenths that no page of ours shows.
CLOCKS = """<script>(() => {
  const frame = window.requestAnimationFrame.bind(window);
  const counts = callback => {
    const said = Function.prototype.toString.call(callback);
    return said.length < 200 && said.includes('performance.now()-') && said.includes('/1e3');
  };
  window.requestAnimationFrame = callback => counts(callback) ? setTimeout(() => frame(callback), 1000) : frame(callback);
})();</script>"""
# Between two looks for an event that waits. Gradio's own queue looks each millisecond but on Windows, where it is 0.05 s.
QUEUE_SECONDS = 0.02


def unhurried(demo: Any) -> None:
    """Let the queue of a Blocks look for what waits 50 times a second, not 1000 times: that took 5 % of a core, always."""
    demo._queue.sleep_when_free = max(demo._queue.sleep_when_free, QUEUE_SECONDS)
