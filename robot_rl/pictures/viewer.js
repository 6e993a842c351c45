// The interactive page: plays episodes back in the studio of drawing.js, with their traces.
const DATA = JSON.parse(document.getElementById('data').textContent);
const LOOK = DATA.look;
const $ = id => document.getElementById(id);

const meshes = meshesOf(DATA.meshes);
const episodes = DATA.episodes.map(e => ({ ...e, time: floats(e.time), frames: floats(e.frames),
  robot: floats(e.robot), focus: floats(e.focus), extent: floats(e.extent),
  trails: e.trails.map(t => ({ ...t, points: floats(t.points) })),
  panels: e.panels.map(p => ({ ...p, series: p.series.map(s => ({ ...s, values: floats(s.values) })) })) }));

const canvas = $('view'), studio = makeStudio(canvas, LOOK);
if (!studio) {
  $('help').textContent = 'This browser offers no WebGL 2, which the picture needs. The traces below work.';
}

// ---- time ----
const state = { episode: episodes[0], time: 0, playing: true, azimuth: LOOK.azimuth, elevation: LOOK.elevation,
  zoom: 1, shift: [0, 0, 0], held: null };

function moment(episode, time) {
  const times = episode.time, last = times.length - 1;
  if (time <= times[0]) return 0;
  if (time >= times[last]) return last;
  let low = 0, high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle; else high = middle;
  }
  return low + (time - times[low]) / (times[high] - times[low]);
}

function between(values, size, at) {
  const low = Math.floor(at), share = at - low, row = size * low, out = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const a = values[row + i];
    out[i] = share ? a + share * (values[row + size + i] - a) : a;
  }
  return out;
}

function framesAt(episode, at) {
  const frames = between(episode.frames, 8 * episode.count, at);
  for (let i = 0; i < frames.length; i += 8) {
    const norm = Math.hypot(frames[i + 3], frames[i + 4], frames[i + 5], frames[i + 6]);
    for (let j = 3; j < 7; j++) frames[i + j] /= norm;
  }
  return frames;
}

// ---- drawing ----
function cameraAt(episode, at) {
  if ($('follow').checked || !state.held) {
    state.held = { focus: [...between(episode.focus, 3, at)], extent: between(episode.extent, 1, at)[0] };
  }
  const focus = along(state.held.focus, state.shift, 1);
  return studio.cameraOf(focus, state.zoom * state.held.extent, state.azimuth, state.elevation, episode.floor);
}

function stripes(episode, at, camera) {
  const rows = [], now = Math.floor(at), pixels = LOOK.linePixels * (window.devicePixelRatio || 1);
  for (const trail of episode.trails) {
    let points = trail.points;
    let faded = () => 1;
    if (!trail.whole) {
      const first = episode.time.findIndex(t => t > state.time - LOOK.trailS);
      points = [...trail.points.subarray(3 * Math.min(first < 0 ? now : first, now), 3 * now + 3), ...between(trail.points, 3, at)];
      const shown = points.length / 3;
      faded = i => Math.max(0, 1 - (shown - 1 - i) * episode.step / LOOK.trailS);
    }
    if (points.length > 3) studio.stripe(rows, points, i => [...trail.colour.slice(0, 3), trail.colour[3] * faded(i)], camera, pixels);
  }
  if (episode.flies) {
    const top = between(episode.robot, 3, at), points = [];
    for (let i = 0; i <= 24; i++) points.push(top[0], top[1], top[2] * (1 - i / 24));
    studio.stripe(rows, points, () => LOOK.plumb, camera, 0.6 * pixels);
  }
  return rows;
}

function drawView() {
  const episode = state.episode, at = moment(episode, state.time), camera = cameraAt(episode, at);
  studio.draw(episode, framesAt(episode, at), between(episode.robot, 3, at), camera, stripes(episode, at, camera));
}

// ---- traces ----
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const seriesColour = i => style(`--series-${i % 6}`);

const short = value => Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);

function nice(span) {
  const step = 10 ** Math.floor(Math.log10(span / 3));
  return step * [1, 2, 5, 10].find(factor => span / (factor * step) <= 4.5);
}

function drawTrace(panel, canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext('2d'), left = 46, bottom = 18, right = width - 6, top = 6, base = height - bottom;
  pen.scale(ratio, ratio);
  const time = state.episode.time, end = time[time.length - 1], [low, high] = panel.range;
  const x = t => left + (right - left) * t / end, y = v => base - (base - top) * (v - low) / (high - low);
  pen.font = '11px system-ui, sans-serif';
  pen.lineWidth = 1;
  pen.textBaseline = 'middle';
  pen.textAlign = 'right';
  const step = nice(high - low), digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + 1e-9 * step; v += step) {
    pen.strokeStyle = style('--grid');
    pen.beginPath(); pen.moveTo(left, y(v)); pen.lineTo(right, y(v)); pen.stroke();
    pen.fillStyle = style('--soft');
    pen.fillText((Math.abs(v) < 1e-9 * step ? 0 : v).toFixed(digits), left - 6, y(v));
  }
  pen.textAlign = 'center';
  const tick = nice(end);
  for (let t = 0; t <= end + 1e-9; t += tick) pen.fillText(`${+t.toFixed(3)}`, x(t), base + 10);
  if (panel.limit !== null) {
    pen.strokeStyle = style('--good');
    pen.setLineDash([5, 4]);
    pen.beginPath(); pen.moveTo(left, y(panel.limit)); pen.lineTo(right, y(panel.limit)); pen.stroke();
    pen.setLineDash([]);
  }
  pen.lineWidth = 1.5;
  pen.save();
  pen.beginPath(); pen.rect(left, top - 2, right - left, base - top + 4); pen.clip();
  panel.series.forEach((series, i) => {
    pen.strokeStyle = seriesColour(i);
    pen.beginPath();
    series.values.forEach((value, k) => pen.lineTo(x(time[k]), y(value)));
    pen.stroke();
  });
  pen.restore();
  pen.strokeStyle = style('--ink');
  pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(x(state.time), top - 4); pen.lineTo(x(state.time), base); pen.stroke();
  canvas.seek = event => seek(end * (event.offsetX - left) / (right - left));
}

function showTraces() {
  $('traces').replaceChildren(...state.episode.panels.map(panel => {
    const box = document.createElement('div'), title = document.createElement('h2'), plot = document.createElement('canvas');
    box.className = 'trace';
    title.append(panel.unit === '1' ? panel.title : `${panel.title} [${panel.unit}]`);
    panel.values = panel.series.map((series, i) => {
      const label = document.createElement('span'), mark = document.createElement('i'), value = document.createElement('span');
      mark.style.background = seriesColour(i);
      label.append(mark, panel.series.length > 1 ? `${series.name} ` : '', value);
      title.append(label);
      return value;
    });
    plot.onpointerdown = event => { plot.setPointerCapture(event.pointerId); plot.seek(event); };
    plot.onpointermove = event => { if (event.buttons) plot.seek(event); };
    box.append(title, plot);
    panel.plot = plot;
    return box;
  }));
}

// ---- controls ----
let stale = true;

function seek(time) {
  const times = state.episode.time;
  state.time = Math.min(Math.max(time, 0), times[times.length - 1]);
  stale = true;
}

function choose(index) {
  state.episode = episodes[index];
  state.held = null;
  const end = state.episode.time[state.episode.time.length - 1];
  $('scrub').max = end;
  $('name').textContent = state.episode.name;
  showTraces();
  seek(0);
}

function setPlaying(playing) {
  const times = state.episode.time;
  if (playing && state.time >= times[times.length - 1]) seek(0);
  state.playing = playing;
  $('play').textContent = playing ? 'Pause' : 'Play';
}

function tell() {
  const episode = state.episode, at = moment(episode, state.time), end = episode.time[episode.time.length - 1];
  $('time').textContent = `${state.time.toFixed(2)} s`;
  $('state').textContent = episode.flies ? `height ${between(episode.robot, 3, at)[2].toFixed(2)} m` : '';
  const over = state.time >= end - 1e-6;
  $('ended').textContent = over ? episode.ended : '';
  $('ended').className = episode.failed ? 'bad' : '';
  $('scrub').value = state.time;
  for (const panel of episode.panels) {
    panel.values.forEach((value, i) => { value.textContent = short(between(panel.series[i].values, 1, at)[0]); });
    drawTrace(panel, panel.plot);
  }
}

function connect() {
  $('episode').append(...episodes.map((episode, i) => new Option(episode.name, i)));
  $('episode').onchange = event => choose(+event.target.value);
  $('play').onclick = () => setPlaying(!state.playing);
  $('scrub').oninput = event => { setPlaying(false); seek(+event.target.value); };
  $('follow').onchange = () => { stale = true; };
  $('home').onclick = () => {
    Object.assign(state, { azimuth: LOOK.azimuth, elevation: LOOK.elevation, zoom: 1, shift: [0, 0, 0], held: null });
    stale = true;
  };
  addEventListener('resize', () => { stale = true; });
  matchMedia('(prefers-color-scheme: dark)').onchange = () => { showTraces(); stale = true; };
  addEventListener('keydown', event => {
    if (event.target.tagName === 'SELECT') return;
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === ' ') setPlaying(!state.playing);
    else if (steps) { setPlaying(false); seek(state.time + steps * state.episode.step); }
    else return;
    event.preventDefault();
  });
  canvas.oncontextmenu = event => event.preventDefault();
  canvas.onpointerdown = event => canvas.setPointerCapture(event.pointerId);
  canvas.onpointermove = event => {
    if (!event.buttons) return;
    if (event.buttons === 1 && !event.shiftKey) {
      state.azimuth -= 0.006 * event.movementX;
      state.elevation = Math.min(1.55, Math.max(-0.3, state.elevation + 0.006 * event.movementY));
    } else {
      const camera = cameraAt(state.episode, moment(state.episode, state.time));
      const scale = 2 * camera.field[1] * camera.distance / canvas.clientHeight;
      state.shift = along(along(state.shift, camera.right, -scale * event.movementX), camera.up, scale * event.movementY);
    }
    stale = true;
  };
  canvas.addEventListener('wheel', event => {
    state.zoom = Math.min(20, Math.max(0.15, state.zoom * Math.exp(0.001 * event.deltaY)));
    stale = true;
    event.preventDefault();
  }, { passive: false });
}

let before = null;
function tick(now) {
  if (state.playing && before !== null) {
    const end = state.episode.time[state.episode.time.length - 1];
    seek(state.time + $('speed').value * Math.min(0.1, (now - before) / 1000));
    if (state.time >= end) setPlaying(false);
  }
  before = now;
  if (stale) {
    stale = false;
    if (studio) drawView();
    tell();
  }
  requestAnimationFrame(tick);
}

if (studio) for (const episode of episodes) studio.load(episode, meshes);
connect();
choose(0);
// A link such as page.html#t=1.5 shows that moment.
const asked = /[#&]t=([\d.]+)/.exec(location.hash);
if (asked) { setPlaying(false); seek(+asked[1]); }
document.body.dataset.ready = studio ? 'drawn' : 'no webgl';
requestAnimationFrame(tick);
