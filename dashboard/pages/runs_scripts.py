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

# The rows and plots that changed, as `dashboard.runs.patch` tells them. A plot is drawn only once it is near the part of
# the page that is seen, one a frame, and keeps until then what it would draw. Plotly comes with Gradio's own plot. All
# plots share what is pointed at and the part of the axis that is looked at; what one does because another did is not
# passed on.
LIVE = """
const plots = new Map();
let last = 0, queue = [];
element.classList.add('plots');
const near = new IntersectionObserver(all => {
  for (const one of all) {
    const plot = plots.get(one.target.dataset.tag);
    if (plot) { plot.near = one.isIntersecting; want(plot); }
  }
}, {rootMargin: '200px'});
const want = plot => {
  if (!plot.stale || !plot.near || queue.includes(plot)) return;
  if (queue.push(plot) === 1) requestAnimationFrame(step);
};
const step = () => {
  if (!window.Plotly) return void setTimeout(step, 50);
  const plot = queue.shift();
  if (plot && plot.stale && plots.has(plot.tag)) draw(plot);
  if (queue.length) requestAnimationFrame(step);
};
const draw = plot => {
  plot.stale = false;
  const curves = plot.order.map(run => plot.curves[run]).filter(Boolean);
  const traces = [...curves.flatMap(one => one.lines), ...curves.flatMap(one => one.marks)];
  window.Plotly.react(plot.drawn, traces, structuredClone(plot.layout), {responsive: true, displaylogo: false});
  if (!plot.joined) join(plot);
};
const others = (plot, act) => {
  for (const one of plots.values()) if (one !== plot && one.joined) act(one.drawn);
};
let pointing = false;
const join = plot => {
  plot.joined = true;
  const point = act => {
    if (pointing) return;
    pointing = true;
    try { others(plot, act); } finally { pointing = false; }
  };
  plot.drawn.on('plotly_hover', event => {
    const at = event.xvals ? event.xvals[0] : event.points[0].x;
    point(one => window.Plotly.Fx.hover(one, {xval: at}, ['xy']));
  });
  plot.drawn.on('plotly_unhover', () => point(one => window.Plotly.Fx.unhover(one)));
  plot.drawn.on('plotly_relayout', change => {
    const low = change['xaxis.range[0]'], high = change['xaxis.range[1]'];
    if (plot.drawn.clinicFollows || (low === undefined && !change['xaxis.autorange'])) return;
    others(plot, one => {
      one.clinicFollows = true;
      const part = low === undefined ? {'xaxis.autorange': true} : {'xaxis.range[0]': low, 'xaxis.range[1]': high};
      window.Plotly.relayout(one, part).finally(() => { one.clinicFollows = false; });
    });
    trigger('zoom', {part: low === undefined ? '' : `${low}~${high}`});
  });
};
const begun = tag => {
  const box = document.createElement('div'), head = document.createElement('div'), drawn = document.createElement('div');
  box.className = 'plot'; box.dataset.tag = tag; drawn.className = 'drawn';
  box.append(head, drawn);
  const plot = {tag, box, head, drawn, curves: {}, order: [], stale: true, near: false, joined: false};
  plots.set(tag, plot);
  return plot;
};
const take = all => {
  const tags = new Set(all.map(one => one.tag));
  for (const [tag, plot] of plots) if (!tags.has(tag)) {
    near.unobserve(plot.box);
    if (plot.joined) window.Plotly.purge(plot.drawn);
    plot.box.remove();
    plots.delete(tag);
  }
  all.forEach((one, place) => {
    const known = plots.has(one.tag), plot = plots.get(one.tag) || begun(one.tag);
    if (element.children[place] !== plot.box) element.insertBefore(plot.box, element.children[place] || null);
    if (!known) near.observe(plot.box);
    if (one.head !== undefined) plot.head.innerHTML = one.head;
    if (one.order === undefined) return;
    plot.order = one.order;
    if (one.layout === undefined) return;
    plot.layout = one.layout;
    Object.assign(plot.curves, one.curves);
    plot.stale = true;
    want(plot);
  });
};
const rows = changed => {
  for (const row of document.querySelectorAll('#runs-table tr[data-row]')) {
    const html = changed[row.dataset.row];
    if (html === undefined) continue;
    const made = document.createElement('tbody');
    made.innerHTML = html;
    const fresh = made.firstElementChild, here = document.activeElement && row.contains(document.activeElement);
    row.className = fresh.className;
    [...fresh.children].forEach((cell, place) => {
      const old = row.children[place];
      if (!old || old.innerHTML === cell.innerHTML) return;
      const focused = here && old.contains(document.activeElement);
      old.innerHTML = cell.innerHTML;
      if (focused) old.querySelector('button, a')?.focus();
    });
  }
};
const follow = () => {
  let told;
  try { told = JSON.parse(props.value); } catch { return; }
  if (told.serial !== 1 && told.serial !== last + 1) return trigger('missed');
  last = told.serial;
  rows(told.rows);
  if (told.plots) take(told.plots);
};
watch('value', follow);
"""

# A click on the head of a column, on a page's number, or on more curves.
TURN = """
element.addEventListener('click', event => {
  const target = event.target.closest('[data-sort], [data-page], [data-more]');
  if (!target || target.disabled) return;
  const {sort, page, more} = target.dataset;
  trigger('turn', {sort: sort || null, page: page || null, more: more || null});
});
"""
