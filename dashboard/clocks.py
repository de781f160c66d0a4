"""Keeps a page that does nothing from asking for sixty frames a second."""

from __future__ import annotations

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
