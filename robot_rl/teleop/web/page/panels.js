// What is told beside the picture: curves and facts.
'use strict';

const style = name => getComputedStyle(document.body).getPropertyValue(name).trim();
const isShare = name => /success|rate/.test(name);

function told(name, value) {
  if (name === LINK) return `${value.toFixed(0)} ms`;
  if (isShare(name) && Math.abs(value) <= 1) return `${(100 * value).toFixed(value > 0.1 || value === 0 ? 0 : 1)} %`;
  return Math.abs(value) >= 100 ? value.toFixed(0) : `${+value.toPrecision(3)}`;
}

const LINK = 'round trip', LINK_S = 20, LINK_LIMIT = 180;

class Curves {
  constructor(box) {
    Object.assign(this, { box, given: {}, link: [], shown: new Map() });
  }

  // Curves by name, each [[x, value], ...], from the server.
  take(curves) {
    this.given = curves;
    this.draw();
  }

  // The round trip of one tick [ms]; drawn once a second.
  hear(now, ms) {
    this.link.push([now / 1000, ms]);
    while (this.link[0][0] < now / 1000 - LINK_S) this.link.shift();
    if (!this.at || now - this.at > 250) { this.at = now; this.drawOne(LINK, this.link, 0); }
  }

  draw() {
    const names = Object.keys(this.given);
    this.box.classList.toggle('full', names.length > 2);
    names.forEach((name, i) => this.drawOne(name, this.given[name], i));
    if (this.link.length) this.drawOne(LINK, this.link, 0);
  }

  panel(name) {
    if (!this.shown.has(name)) {
      const box = made('div', '', name === LINK ? 'curve link' : 'curve'), head = made('div'), value = made('b'), plot = made('canvas');
      head.append(made('span', name), value);
      box.append(head, plot);
      this.box.insertBefore(box, name === LINK ? null : this.box.querySelector('.link'));
      this.shown.set(name, { value, plot });
    }
    return this.shown.get(name);
  }

  drawOne(name, points, i) {
    const { value, plot } = this.panel(name);
    if (!points.length) return;
    const last = points[points.length - 1];
    value.textContent = told(name, last[1]);
    const ratio = window.devicePixelRatio || 1, width = plot.clientWidth, height = plot.clientHeight;
    if (!width || !height) return;
    plot.width = width * ratio;
    plot.height = height * ratio;
    const pen = plot.getContext('2d');
    pen.scale(ratio, ratio);
    const values = points.map(point => point[1]);
    let low = Math.min(...values), high = Math.max(...values);
    if (name === LINK) { low = 0; high = Math.max(high, 60); }
    else if (isShare(name) && low >= 0 && high <= 1) { low = 0; high = 1; }
    const pad = 0.08 * (high - low) || 0.5, top = 4, base = height - 3;
    const start = name === LINK ? last[0] - LINK_S : points[0][0], span = last[0] - start || 1;
    const x = t => 1 + (width - 5) * (t - start) / span, y = v => base - (base - top) * (v - low + pad) / (high - low + 2 * pad);
    pen.strokeStyle = style('--grid');
    pen.lineWidth = 1;
    for (const v of [low, 0.5 * (low + high), high]) {
      pen.beginPath(); pen.moveTo(0, Math.round(y(v)) + 0.5); pen.lineTo(width, Math.round(y(v)) + 0.5); pen.stroke();
    }
    const late = name === LINK && last[1] > LINK_LIMIT, colour = style(late ? '--bad' : name === LINK ? '--soft' : `--series-${i % 6}`);
    pen.beginPath();
    points.forEach(([t, v]) => pen.lineTo(x(t), y(v)));
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 2;
    pen.lineJoin = 'round';
    pen.stroke();
    pen.lineTo(x(last[0]), base + 3);
    pen.lineTo(x(points[0][0]), base + 3);
    pen.globalAlpha = 0.1;
    pen.fill();
    pen.globalAlpha = 1;
    pen.beginPath(); pen.arc(x(last[0]), y(last[1]), 3, 0, 7); pen.fill();
  }
}

function showFacts(status) {
  const facts = [['episode', status.episode], ['step', status.step], ['mode', status.mode],
    ['policy', status.latency_ms === null ? null : `${status.latency_ms.toFixed(1)} ms`]];
  $('facts').replaceChildren(...facts.filter(([, value]) => value !== null && value !== '').map(([name, value]) => {
    const box = made('div');
    box.append(made('span', name), `${value}`);
    return box;
  }), ...status.note ? [made('div', status.note, 'note')] : []);
}
