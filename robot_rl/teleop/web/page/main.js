// The connection, who drives, and the picture.
'use strict';

const RETRY_MS = [200, 500, 1000, 2000], SLOW_MS = 300, TRAIL_S = 3;
const DARK = { horizon: [0.105, 0.125, 0.14], zenith: [0.05, 0.06, 0.075], floor: [0.125, 0.14, 0.155], line: [0.2, 0.222, 0.245] };
const page = { socket: null, tries: 0, refused: '', controls: null, echo: 0, ticked: 0, tick: null, wanted: false,
  status: { driver: '', mode: '', reason: '', stopped: false, latency_ms: null, episode: null, step: null, note: '' } };
const curves = new Curves($('curves'));

// ---- remembered, as far as the browser lets us ----
const kept = (store, key, value) => {
  try { return value === undefined ? store.getItem(key) : store.setItem(key, value); } catch { return null; }
};
const asked = new URLSearchParams(location.hash.slice(1)).get('token');
if (asked) {
  kept(sessionStorage, 'token', asked);
  history.replaceState(null, '', location.pathname);
}
const token = asked ?? kept(sessionStorage, 'token') ?? '';
$('name').value = kept(localStorage, 'name') ?? '';

// ---- connection ----
function connect() {
  const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
  page.socket = socket;
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => say({ t: 'hello', token, name: $('name').value.trim() });
  socket.onmessage = ({ data }) => typeof data === 'string' ? hear(JSON.parse(data)) : see(data);
  socket.onclose = ({ code, reason }) => {
    page.wanted ||= Boolean(page.tick?.yours); // after the connection is back, if it is free then
    page.tick = null;
    page.refused = code === 1008 ? reason : '';
    if (page.refused !== 'wrong token') setTimeout(connect, RETRY_MS[Math.min(page.tries++, RETRY_MS.length - 1)]);
    showState();
  };
}

function say(what) {
  if (page.socket?.readyState === WebSocket.OPEN) page.socket.send(JSON.stringify(what));
}

function answer() {
  if (!page.controls || !page.tick) return;
  const now = page.controls.read(performance.now());
  // Neutral until it is our turn: what is not sent cannot be mistaken.
  say({ t: 'here', echo: page.echo, held: now.held, motion: now.held ? now.motion : now.motion.map(() => 0) });
  page.controls.show(page.tick.yours ? now.motion : page.tick.motion);
  $('hold').classList.toggle('held', now.held);
}

function hear(said) {
  if (said.t === 'tick') {
    page.tries = 0;
    page.echo = said.n;
    page.ticked = performance.now();
    page.tick = said;
    if (page.controls) page.controls.mayHold = said.yours;
    answer();
    curves.hear(page.ticked, said.ms);
    if (page.wanted && !said.yours && said.free) { page.wanted = false; say({ t: 'ask' }); }
    showState();
  } else if (said.t === 'about') about(said);
  else if (said.t === 'status') { page.status = said; showFacts(said); showState(); }
  else if (said.t === 'curves') curves.take(said.curves);
  else if (said.t === 'around') { view.around = said; loadScene(); }
}

function about({ robot, title, axes, scene }) {
  $('robot').textContent = robot;
  $('title').textContent = title;
  document.title = `${robot} – teleoperation`;
  page.controls ??= new Controls(axes, button => say({ t: 'press', button }), answer);
  if (scene && !view.base) prepareScene(scene);
}

// ---- who drives ----
function state() {
  const { tick, status } = page;
  if (!tick) return ['lost', 'No connection', page.refused || 'trying again; the robot has let go of your hand'];
  if (performance.now() - page.ticked > SLOW_MS) return ['slow', 'Connection too slow', 'the robot has let go of your hand'];
  if (status.stopped) return ['stopped', 'Emergency stop', status.reason];
  const closed = tick.yours && page.controls?.holding;
  if (tick.held) return tick.yours ? ['you', 'You drive', 'let go, and the policy takes over'] : ['other', `${tick.pilot} drives`, status.reason];
  const hint = tick.lapsed ? 'the connection was slow: let go once, then hold again' : closed ? 'let go once, then hold' : status.reason;
  if (status.driver === 'person') return ['other', 'A person drives', hint];
  return status.driver === 'policy' ? ['policy', 'The policy drives', hint] : ['idle', 'Nobody drives', hint];
}

function put(id, text) { if ($(id).textContent !== text) $(id).textContent = text; }

function showState() {
  const [name, title, why] = state(), { tick } = page;
  document.body.dataset.state = name;
  document.body.classList.toggle('live', Boolean(tick?.held));
  put('driver', title);
  put('why', why);
  $('alarm').hidden = name !== 'lost' && name !== 'slow';
  put('latency', tick ? `${tick.ms.toFixed(0)} ms` : 'offline');
  const others = tick ? tick.visitors - 1 : 0;
  put('people', tick ? [tick.yours ? 'you have the stick' : tick.pilot ? `${tick.pilot} has the stick` : 'the stick is free',
    others ? `${tick.visitors} watching` : ''].filter(Boolean).join(' · ') : '');
  [$('alarm').children[0].textContent, $('alarm').children[1].textContent] = [title, why];
  const asking = tick?.asking.filter(who => who !== tick.name) ?? [];
  $('request').hidden = !(tick?.yours && asking.length);
  put('request', `${asking.join(', ')} would like to drive`);
  const seat = $('seat'), waits = tick?.asking.includes(tick.name);
  seat.disabled = !tick || (waits && !tick.free);
  seat.classList.toggle('offer', Boolean(tick && tick.free && !tick.yours));
  put('seat', tick?.yours ? 'Give it back' : !tick || tick.free ? 'Take the stick' : waits ? 'Asked for the stick' : 'Ask for the stick');
  document.body.classList.toggle('pilot', Boolean(tick?.yours));
  $('hold').disabled = !tick || (!tick.yours && !tick.free);
  $('hold').classList.toggle('offer', Boolean(tick && tick.free && !tick.yours));
  const [hold, how] = tick && !tick.yours ? (tick.free ? ['Take the stick', 'to drive'] : ['You are watching', `${tick.pilot} has the stick`])
    : [tick?.held ? 'You drive' : 'Hold to drive', 'space bar or a trigger'];
  if ($('hold').textContent !== hold + how) [$('hold').firstChild.textContent, $('hold').lastChild.textContent] = [hold, how];
  for (const button of document.querySelectorAll('#verdict button')) button.disabled = !tick?.yours;
  $('name').placeholder = tick?.name ?? '';
}

$('seat').onclick = () => {
  const mine = page.tick?.yours;
  page.wanted = false;
  say({ t: mine ? 'leave' : 'ask' });
};
$('hold').onclick = () => { if (page.tick && !page.tick.yours) say({ t: 'ask' }); };
$('name').onchange = () => {
  kept(localStorage, 'name', $('name').value.trim());
  $('name').blur();
  page.wanted = page.tick?.yours ?? false;
  page.socket?.close();
};
$('speed').oninput = () => { $('faster').textContent = `${Math.round(100 * $('speed').value)} %`; };
$('speed').oninput();
setInterval(() => { if (page.tick && performance.now() - page.ticked > SLOW_MS) showState(); }, 100);

// ---- light and dark ----
const dark = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';
if (kept(localStorage, 'theme')) document.documentElement.dataset.theme = kept(localStorage, 'theme');
$('theme').onclick = () => {
  const chosen = isDark() ? 'light' : 'dark';
  document.documentElement.dataset.theme = chosen;
  kept(localStorage, 'theme', chosen);
  repaint();
};
dark.onchange = repaint;
addEventListener('resize', repaint);
new ResizeObserver(repaint).observe($('curves'));

function repaint() {
  curves.draw();
  stale();
}

// ---- the picture ----
const view = { studio: null, base: null, around: null, scene: null, light: null, frames: null, aim: null, wish: null, trail: [], azimuth: 0, elevation: 0, zoom: 1, at: 0, due: false };

function prepareScene(scene) {
  view.look = { ...scene.look };
  view.light = scene.look;
  view.studio = makeStudio($('view'), view.look);
  if (!view.studio) return;
  view.base = scene;
  loadScene();
  Object.assign(view, { azimuth: scene.look.azimuth, elevation: scene.look.elevation });
}

// The robot, which stays, and what stands around it now.
function loadScene() {
  const { base, around } = view;
  if (!base) return;
  if (view.scene) view.studio.unload(view.scene);
  const items = around ? around.items.map(item => ({ ...item, mesh: item.mesh + base.meshes.length })) : [];
  view.scene = { ...base, items: [...base.items, ...items] };
  view.studio.load(view.scene, meshesOf([...base.meshes, ...(around ? around.meshes : [])]));
  stale();
}

let shownImage = '';
function see(data) {
  const kind = String.fromCharCode(new Uint8Array(data, 0, 1)[0]);
  $('stage').classList.toggle('image', kind === 'I');
  $('camera').hidden = kind !== 'I';
  if (kind === 'I') {
    if (shownImage) URL.revokeObjectURL(shownImage);
    shownImage = URL.createObjectURL(new Blob([data.slice(1)]));
    $('camera').src = shownImage;
    document.body.dataset.picture = 'image';
  } else if (view.scene) {
    const numbers = new Float32Array(data.slice(1)), now = performance.now() / 1000;
    if (numbers.length !== 7 + 8 * view.scene.count) return;
    view.wish = numbers.slice(0, 7);
    view.frames = numbers.subarray(7);
    const middle = [...view.wish.slice(0, 3)], last = view.trail[view.trail.length - 1];
    if (last && Math.hypot(...minus(middle, last.middle)) > 4 * view.scene.radius) view.trail = []; // it was put elsewhere
    view.trail.push({ now, middle });
    while (view.trail[0].now < now - TRAIL_S) view.trail.shift();
    stale();
  }
}

function stale() {
  if (view.due || !view.frames) return;
  view.due = true;
  requestAnimationFrame(paint);
}

function paint(ms) {
  view.due = false;
  const { scene, studio, wish } = view, now = ms / 1000, share = view.aim ? 1 - Math.exp(-Math.min(0.2, now - view.at) / 0.35) : 1;
  view.at = now;
  view.aim = (view.aim ?? wish.slice(3)).map((value, i) => value + share * (wish[3 + i] - value));
  Object.assign(view.look, isDark() ? DARK : view.light);
  const camera = studio.cameraOf([...view.aim.slice(0, 3)], view.zoom * view.aim[3], view.azimuth, view.elevation, scene.floor);
  const rows = [], pixels = view.look.linePixels * (window.devicePixelRatio || 1), [r, g, b] = isDark() ? [0.43, 0.65, 0.96] : [0.15, 0.4, 0.79];
  const points = view.trail.flatMap(({ middle }) => middle), newest = view.trail[view.trail.length - 1]?.now ?? 0;
  if (points.length > 3) studio.stripe(rows, points, i => [r, g, b, 0.9 * Math.max(0, 1 - (newest - view.trail[i].now) / TRAIL_S)], camera, pixels);
  if (scene.flies) {
    const line = [];
    for (let i = 0; i <= 24; i++) line.push(wish[0], wish[1], wish[2] * (1 - i / 24));
    studio.stripe(rows, line, () => view.look.plumb, camera, 0.6 * pixels);
  }
  studio.draw(scene, view.frames, [...wish.slice(0, 3)], camera, rows);
  document.body.dataset.picture = 'scene';
}

const canvas = $('view');
canvas.onpointerdown = event => canvas.setPointerCapture(event.pointerId);
canvas.onpointermove = event => {
  if (!event.buttons) return;
  view.azimuth -= 0.006 * event.movementX;
  view.elevation = Math.min(1.55, Math.max(-0.3, view.elevation + 0.006 * event.movementY));
  stale();
};
canvas.ondblclick = () => { if (view.light) Object.assign(view, { azimuth: view.light.azimuth, elevation: view.light.elevation, zoom: 1 }); stale(); };
canvas.addEventListener('wheel', event => {
  view.zoom = Math.min(8, Math.max(0.2, view.zoom * Math.exp(0.001 * event.deltaY)));
  stale();
  event.preventDefault();
}, { passive: false });

showState();
connect();
