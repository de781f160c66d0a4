"""What the Runs page does in the browser: clicks on runs, the address, hover and zoom shared by the plots."""

from __future__ import annotations

# A click on anything that stands for a run. The choice is made here, at once, and the server told the whole of it: clicks
# may be quicker than answers, and several in a row are one choice. `clinicRuns` is the user's choice once there is one;
# before, the legend tells what is drawn.
PICK = """
const shown = () => [...document.querySelectorAll('#run-legend .chip[data-run]')].map(one => one.dataset.run).filter(Boolean);
element.addEventListener('click', event => {
  const target = event.target.closest('[data-run]');
  if (!target) return;
  const run = target.dataset.run, now = window.clinicRuns || shown();
  window.clinicRuns = run ? (now.includes(run) ? now.filter(one => one !== run) : [...now, run]) : null;
  for (const box of document.querySelectorAll('button.pick')) {
    if (run && box.dataset.run === run) box.setAttribute('aria-checked', String(window.clinicRuns.includes(run)));
  }
  clearTimeout(window.clinicTold);
  window.clinicTold = setTimeout(() => trigger('click', {runs: window.clinicRuns}), 150);
});
"""

# A group of curves is chosen at once, before the answer.
PICK_GROUP = """
element.addEventListener('click', event => {
  const target = event.target.closest('[data-group]');
  if (!target) return;
  for (const one of element.querySelectorAll('[data-group]')) one.setAttribute('aria-pressed', String(one === target));
  trigger('click', {group: target.dataset.group});
});
"""

# The address follows what is looked at.
ADDRESS = """
const follow = () => {
  const query = props.value || '';
  const address = new URL(location);
  address.search = query;
  if (address.href !== location.href) history.replaceState(history.state, '', address);
};
watch('value', follow);
"""

# The plots below share what is pointed at and the part of the axis that is looked at. Plotly draws them when it likes:
# each is joined once it is there. What a plot does because another did is not passed on.
TOGETHER = """
const plots = () => [...document.querySelectorAll('.plots .js-plotly-plot')].filter(one => one.offsetParent && one._fullLayout);
let pointing = false;
const join = plot => {
  plot.clinicJoined = true;
  const others = act => {
    if (pointing) return;
    pointing = true;
    try { for (const one of plots()) if (one !== plot) act(one); } finally { pointing = false; }
  };
  plot.on('plotly_hover', event => {
    const at = event.xvals ? event.xvals[0] : event.points[0].x;
    others(one => window.Plotly.Fx.hover(one, {xval: at}, ['xy']));
  });
  plot.on('plotly_unhover', () => others(one => window.Plotly.Fx.unhover(one)));
  plot.on('plotly_relayout', change => {
    const low = change['xaxis.range[0]'], high = change['xaxis.range[1]'];
    if (plot.clinicFollows || (low === undefined && !change['xaxis.autorange'])) return;
    for (const one of plots()) {
      if (one === plot) continue;
      one.clinicFollows = true;
      const part = low === undefined ? {'xaxis.autorange': true} : {'xaxis.range[0]': low, 'xaxis.range[1]': high};
      window.Plotly.relayout(one, part).finally(() => { one.clinicFollows = false; });
    }
    trigger('zoom', {part: low === undefined ? '' : `${low}~${high}`});
  });
};
const look = () => {
  for (const plot of document.querySelectorAll('.plots .js-plotly-plot'))
    if (!plot.clinicJoined && plot.on && window.Plotly) join(plot);
};
new MutationObserver(look).observe(document.querySelector('.plots') || document.body, {childList: true, subtree: true});
look();
"""
