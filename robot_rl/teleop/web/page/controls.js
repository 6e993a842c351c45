// What a person does: sticks on the screen, keys, a gamepad, and the dead-man, as one motion.
'use strict';

const $ = id => document.getElementById(id);
const made = (kind, text = '', name = '') => Object.assign(document.createElement(kind), { textContent: text, className: name });
const clip = value => Math.min(1, Math.max(-1, value));
const KEYS = { left_x: ['KeyA', 'KeyD'], left_y: ['KeyS', 'KeyW'], right_x: ['ArrowLeft', 'ArrowRight'], right_y: ['ArrowDown', 'ArrowUp'] };
const LEVER_KEYS = ['FR', 'GT', 'HY', 'JU', 'KI', 'LO'].map(pair => [...pair].map(letter => `Key${letter}`));
const PAD_AXES = { left_x: [0, 1], left_y: [1, -1], right_x: [2, 1], right_y: [3, -1] };
const PAD_BUTTONS = { 0: 'success', 1: 'stop', 2: 'failure', 3: 'reset' };
const EASE = 5; // [1/s] how fast a key moves its axis: a key has no half way
const DEAD = 0.1; // of a gamepad's stick

// Something to drag that springs back. `x` and `y` are -1 to 1, to the right and up.
class Handle {
  constructor(box, changed) {
    Object.assign(this, { box, knob: box.querySelector('i'), x: 0, y: 0, pointer: null });
    box.addEventListener('pointerdown', event => {
      if (this.pointer !== null) return;
      this.pointer = event.pointerId;
      box.setPointerCapture(event.pointerId);
      this.drag(event);
      changed();
    });
    box.addEventListener('pointermove', event => { if (event.pointerId === this.pointer) this.drag(event); });
    for (const kind of ['pointerup', 'pointercancel', 'lostpointercapture']) {
      box.addEventListener(kind, event => { if (event.pointerId === this.pointer) { this.drop(); changed(); } });
    }
  }

  get touched() { return this.pointer !== null; }

  drag(event) {
    const box = this.box.getBoundingClientRect(), reach = this.reach();
    let x = (event.clientX - box.left - box.width / 2) / reach, y = (box.top + box.height / 2 - event.clientY) / reach;
    if (!this.box.classList.contains('x')) x = 0;
    if (!this.box.classList.contains('y')) y = 0;
    const far = Math.max(1, Math.hypot(x, y));
    [this.x, this.y] = [x / far, y / far];
  }

  drop() { Object.assign(this, { pointer: null, x: 0, y: 0 }); }

  reach() { return (this.box.clientWidth - this.knob.offsetWidth) / 2; }

  place(x, y) { this.knob.style.transform = `translate(${x * this.reach()}px, ${-y * this.reach()}px)`; }
}

class Controls {
  // `tell(button)` is called for a button; `changed()` when the hand opened or closed.
  constructor(axes, tell, changed) {
    Object.assign(this, { axes, tell, changed, keys: new Set(), eased: axes.map(() => 0), at: 0 });
    this.mayHold = false;
    this.held = { button: null, key: false, pad: false };
    this.padOpened = false; // a trigger counts after it was seen open, here and after each loss of the page
    this.padBefore = [];
    this.handles = { left: new Handle($('left'), changed), right: new Handle($('right'), changed) };
    this.levers = new Map();
    axes.forEach((axis, i) => axis.control === 'lever' ? this.addLever(axis, i) : this.label(axis));
    for (const side of ['left', 'right']) {
      $(side).classList.toggle('none', !axes.some(axis => axis.control.startsWith(side)));
    }
    this.listen();
  }

  label({ control, label }) {
    const [side, way] = control.split('_'), box = $(side);
    box.classList.add(way);
    box.append(made('em', label, way));
    if (!box.querySelector('kbd')) box.append(made('kbd', side === 'left' ? 'W A S D' : '← ↑ ↓ →'));
  }

  addLever({ label }, index) {
    const box = made('div', '', 'axis'), track = made('div', '', 'lever x'), keys = LEVER_KEYS[this.levers.size];
    track.append(made('i'));
    box.append(made('span', label), made('kbd', keys ? keys.map(key => key.slice(3)).join(' ') : ''), track);
    $('levers').append(box);
    this.levers.set(index, { handle: new Handle(track, this.changed), keys });
  }

  listen() {
    const hold = $('hold');
    hold.addEventListener('pointerdown', event => {
      this.held.button = event.pointerId;
      hold.setPointerCapture(event.pointerId);
      this.changed();
    });
    for (const kind of ['pointerup', 'pointercancel', 'lostpointercapture']) {
      hold.addEventListener(kind, event => { if (event.pointerId === this.held.button) { this.held.button = null; this.changed(); } });
    }
    for (const button of document.querySelectorAll('[data-press]')) {
      // A stop counts when the finger lands, the rest when it leaves.
      button.addEventListener(button.dataset.press === 'stop' ? 'pointerdown' : 'click', () => this.press(button.dataset.press));
    }
    addEventListener('keydown', event => this.key(event, true));
    addEventListener('keyup', event => this.key(event, false));
    addEventListener('pointerup', () => { if (document.activeElement instanceof HTMLButtonElement) document.activeElement.blur(); });
    addEventListener('contextmenu', event => event.preventDefault());
    for (const [target, kind] of [[window, 'blur'], [window, 'pagehide'], [window, 'freeze'], [document, 'visibilitychange']]) {
      target.addEventListener(kind, () => { if (kind !== 'visibilitychange' || document.hidden) this.letGo(); });
    }
  }

  key(event, down) {
    const typing = event.target instanceof HTMLInputElement && event.target.type === 'text';
    if (event.code === 'Escape') { if (down && !event.repeat) this.press('stop'); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.code === 'Space') {
      event.preventDefault();
      if (!event.repeat && this.held.key !== down) { this.held.key = down; this.changed(); }
    } else if (this.knows(event.code)) {
      event.preventDefault();
      if (down) this.keys.add(event.code); else this.keys.delete(event.code);
    } else if (down && !event.repeat) {
      const button = { Enter: 'success', Backspace: 'failure', KeyN: 'reset' }[event.code];
      if (button && !(event.target instanceof HTMLButtonElement)) { event.preventDefault(); this.press(button); }
    }
  }

  knows(code) { return this.axes.some((_, i) => this.keysOf(i)?.includes(code)); }

  keysOf(i) { return KEYS[this.axes[i].control] ?? this.levers.get(i)?.keys; }

  press(button) {
    const shown = document.querySelector(`[data-press=${button}]`);
    shown.classList.add('told');
    setTimeout(() => shown.classList.remove('told'), 500);
    this.tell(button);
  }

  // The page is hidden, or something else has the keyboard: the hand is open until it closes anew.
  letGo() {
    Object.assign(this.held, { button: null, key: false, pad: false });
    this.padOpened = false;
    this.keys.clear();
    for (const handle of this.all()) handle.drop();
    this.eased.fill(0);
    this.changed();
  }

  all() { return [...Object.values(this.handles), ...[...this.levers.values()].map(lever => lever.handle)]; }

  // The pad that was touched last, if any is there.
  pad() {
    const pads = [...(navigator.getGamepads?.() ?? [])].filter(pad => pad?.connected);
    const pad = pads.sort((a, b) => b.timestamp - a.timestamp)[0];
    if (!pad) { this.held.pad = false; this.padOpened = false; this.padBefore = []; return null; }
    const pulled = [6, 7].some(i => pad.buttons[i]?.value > 0.5);
    if (!pulled) this.padOpened = true;
    this.held.pad = pulled && this.padOpened && document.hasFocus();
    const now = pad.buttons.map(button => button.pressed);
    if (document.hasFocus()) {
      for (const [i, button] of Object.entries(PAD_BUTTONS)) if (now[i] && this.padBefore[i] === false) this.press(button);
    }
    this.padBefore = now;
    return pad;
  }

  get holding() {
    const { button, key, pad } = this.held;
    const sticks = $('both').checked && this.all().some(handle => handle.touched);
    return this.mayHold && !document.hidden && (button !== null || key || pad || sticks);
  }

  // [{held, motion}] at `now` [ms]; motion has one number for each field of the setpoint.
  read(now) {
    const pad = this.pad(), step = EASE * Math.min(0.1, (now - this.at) / 1000), speed = +$('speed').value;
    this.at = now;
    const motion = this.axes.map(({ control, sign }, i) => {
      const [low, high] = this.keysOf(i) ?? [], target = this.keys.has(high) - this.keys.has(low);
      const eased = this.eased[i] += Math.min(step, Math.max(-step, target - this.eased[i]));
      const [side, way] = control.split('_'), handle = this.levers.get(i)?.handle ?? this.handles[side];
      const dragged = handle[way ?? 'x'];
      let tilt = 0;
      if (pad && PAD_AXES[control]) {
        const [index, turn] = PAD_AXES[control], raw = turn * (pad.axes[index] ?? 0);
        tilt = Math.sign(raw) * Math.max(0, (Math.abs(raw) - DEAD) / (1 - DEAD));
      }
      return sign * speed * clip(eased + dragged + tilt);
    });
    return { held: this.holding, motion: motion.map(value => Math.round(1e4 * value) / 1e4) };
  }

  // Moves what is seen: `motion` as it is sent, or as the server says that somebody else drives.
  show(motion) {
    const at = { left_x: 0, left_y: 0, right_x: 0, right_y: 0 };
    this.axes.forEach(({ control, sign }, i) => {
      const value = sign * motion[i];
      if (control === 'lever') this.levers.get(i).handle.place(value, 0);
      else at[control] = value;
    });
    this.handles.left.place(at.left_x, at.left_y);
    this.handles.right.place(at.right_x, at.right_y);
  }
}
