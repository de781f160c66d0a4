"""What the Runs page does in the browser: clicks on runs, the address, hover and zoom shared by the plots."""

from __future__ import annotations

# A click on anything that stands for a run tells the server which. A box is ticked at once, before the answer.
PICK = """
element.addEventListener('click', event => {
  const target = event.target.closest('[data-run]');
  if (!target) return;
  if (target.role === 'checkbox') target.ariaChecked = target.ariaChecked === 'true' ? 'false' : 'true';
  trigger('click', {run: target.dataset.run});
});
"""

# The address follows what is looked at; links to the other pages and the other language carry the chosen runs along.
ADDRESS = """
const follow = () => {
  const query = props.value || '';
  const address = new URL(location);
  address.search = query;
  if (address.href !== location.href) history.replaceState(history.state, '', address);
  const runs = new URLSearchParams();
  for (const name of new URLSearchParams(query).getAll('run')) if (name) runs.append('run', name);
  for (const link of document.querySelectorAll('.clinic-header nav a')) link.search = runs;
};
watch('value', follow);
follow();
"""

# The plots below share what is pointed at and the part of the axis that is looked at. Plotly draws them when it likes:
# each is joined once it is there. `busy` keeps an answer from being answered.
TOGETHER = """
let busy = false;
const plots = () => [...document.querySelectorAll('.plots .js-plotly-plot')].filter(one => one.offsetParent && one._fullLayout);
const all = (from, act) => {
  if (busy) return;
  busy = true;
  try { for (const one of plots()) if (one !== from) act(one); } finally { busy = false; }
};
const join = plot => {
  plot.clinicJoined = true;
  plot.on('plotly_hover', event => {
    const at = event.xvals ? event.xvals[0] : event.points[0].x;
    all(plot, one => window.Plotly.Fx.hover(one, {xval: at}, 'xy'));
  });
  plot.on('plotly_unhover', () => all(plot, one => window.Plotly.Fx.unhover(one)));
  plot.on('plotly_relayout', change => {
    if (busy) return;
    const low = change['xaxis.range[0]'], high = change['xaxis.range[1]'];
    if (low === undefined && !change['xaxis.autorange']) return;
    trigger('zoom', {part: low === undefined ? '' : `${low}~${high}`});
  });
};
const look = () => { for (const plot of document.querySelectorAll('.plots .js-plotly-plot'))
  if (!plot.clinicJoined && plot.on && window.Plotly) join(plot); };
const watching = new MutationObserver(look);
watching.observe(document.querySelector('.plots') || document.body, {childList: true, subtree: true});
look();
"""
