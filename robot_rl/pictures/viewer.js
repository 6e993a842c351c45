// The interactive page: draws what scene.py describes, with WebGL 2 and nothing else.
// Colours, the sun and how surfaces answer to light come from Python (LOOK), so that page and film agree.
'use strict';

const DATA = JSON.parse(document.getElementById('data').textContent);
const LOOK = DATA.look;
const $ = id => document.getElementById(id);

const decoded = (text, Type) => {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  return new Type(bytes.buffer);
};
const floats = text => text && decoded(text, Float32Array);

const meshes = DATA.meshes.map(m => ({
  vertices: floats(m.vertices), normals: floats(m.normals), faces: decoded(m.faces, Int32Array) }));
const episodes = DATA.episodes.map(e => ({ ...e, time: floats(e.time), frames: floats(e.frames),
  robot: floats(e.robot), focus: floats(e.focus), extent: floats(e.extent),
  trails: e.trails.map(t => ({ ...t, points: floats(t.points) })),
  panels: e.panels.map(p => ({ ...p, series: p.series.map(s => ({ ...s, values: floats(s.values) })) })) }));

// ---- vectors ----
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const along = (a, b, s) => [a[0] + s * b[0], a[1] + s * b[1], a[2] + s * b[2]];
const unit = a => { const n = Math.hypot(...a) || 1; return [a[0] / n, a[1] / n, a[2] / n]; };

// ---- shaders ----
const MOVE = `
uniform highp sampler2D frames;
in vec3 vertex, normal; in vec4 colour; in float owner;
vec3 turned(vec4 q, vec3 v) { return v + 2.0 * cross(q.yzw, cross(q.yzw, v) + q.x * v); }
vec3 placed(out vec3 n) {
  vec4 a = texelFetch(frames, ivec2(0, int(owner)), 0), b = texelFetch(frames, ivec2(1, int(owner)), 0);
  vec4 q = vec4(a.w, b.xyz);
  n = turned(q, normal);
  return a.xyz + turned(q, b.w * vertex);
}`;
const SUN = `
uniform vec3 sun; uniform vec4 shadowBox; uniform vec2 shadowHeights; uniform highp sampler2DShadow shadow;
vec3 landing(vec3 p) {
  return vec3((p.xy - p.z * sun.xy / sun.z - shadowBox.xy) / shadowBox.zw,
              1.0 - (p.z - shadowHeights.x) / (shadowHeights.y - shadowHeights.x));
}
float lit(vec3 p, float bias, float softness) {
  vec3 place = landing(p);
  place.z -= bias / (shadowHeights.y - shadowHeights.x);
  vec2 reach = softness / shadowBox.zw;
  if (any(lessThan(place.xy, -reach)) || any(greaterThan(place.xy, 1.0 + reach))) return 1.0;
  float sum = 0.0;
  for (int i = -2; i <= 2; i++) for (int j = -2; j <= 2; j++) {
    vec2 at = place.xy + 0.5 * reach * vec2(i, j);
    bool inside = all(greaterThan(at, vec2(0.0))) && all(lessThan(at, vec2(1.0)));
    sum += inside ? texture(shadow, vec3(at, clamp(place.z, 0.0, 1.0))) : 1.0;
  }
  return sum / 25.0;
}`;
const HEAD = '#version 300 es\nprecision highp float;\n';
const SHADERS = {
  mesh: [HEAD + MOVE + `
uniform mat4 camera; out vec3 point, side; out vec4 paint;
void main() { point = placed(side); paint = colour; gl_Position = camera * vec4(point, 1.0); }`,
  HEAD + SUN + `
uniform vec3 eye; uniform bool hasFloor; uniform float texel; uniform float surface[5];
in vec3 point, side; in vec4 paint; out vec4 result;
void main() {
  if (hasFloor && point.z < -1e-4 && eye.z > 0.0) discard;
  vec3 n = normalize(side), ray = normalize(point - eye);
  float towards = dot(n, sun), facing = max(0.0, towards), gloss = 0.0;
  if (facing > 0.0) {
    facing *= lit(point, 3.0 * texel, 2.0 * texel);
    float mirror = max(0.0, dot(ray, sun - 2.0 * towards * n));
    gloss = surface[3] * pow(mirror, surface[4]) * min(1.0, 4.0 * facing);
  }
  vec3 light = paint.rgb * (surface[0] + surface[1] * n.z + surface[2] * facing) + gloss;
  result = vec4(min(light, 1.0) * paint.a, paint.a);
}`],
  shadow: [HEAD + MOVE + SUN.replace(/float lit[^]*/, '') + `
void main() { vec3 n; vec3 at = landing(placed(n)); gl_Position = vec4(2.0 * at - 1.0, 1.0); }`,
  HEAD + 'void main() {}'],
  floor: [HEAD + `
in vec2 corner; out vec2 screen;
void main() { screen = corner; gl_Position = vec4(corner, 1.0, 1.0); }`,
  HEAD + SUN + `
uniform vec3 eye, right, up, forward, horizon, zenith, ground, line; uniform vec2 field;
uniform bool hasFloor; uniform float grid, lineWidth, haze, shade, softness;
in vec2 screen; out vec4 result;
vec2 lines(vec2 at, vec2 width, vec2 span) {
  vec2 start = at - 0.5 * (span - width), end = start + span, low = floor(start), high = floor(end);
  return ((high - low) * width + min(end - high, width) - min(start - low, width)) / span;
}
void main() {
  vec3 ray = forward + screen.x * field.x * right + screen.y * field.y * up;
  vec3 colour = mix(horizon, zenith, clamp(1.6 * ray.z, 0.0, 1.0));
  float depth = -eye.z / ray.z;
  vec2 place = eye.xy + depth * ray.xy;
  vec2 span = max(abs(dFdx(place)) + abs(dFdy(place)), 1e-5);
  if (hasFloor && ray.z * eye.z < -1e-3 * abs(eye.z)) {
    float drawn = 0.0, cell = grid, strength = 1.0;
    for (int i = 0; i < 2; i++) {
      vec2 on = lines(place / cell, vec2(lineWidth / cell), span / cell);
      drawn = max(drawn, strength * max(on.x, on.y));
      cell *= 0.2; strength = 0.4;
    }
    float q = depth / haze; q *= q;
    float far = 1.0 - 1.0 / (1.0 + q + 0.5 * q * q);
    colour = mix(ground, line, drawn) * (1.0 - shade * (1.0 - lit(vec3(place, 0.0), 1e-4, softness)));
    colour = mix(colour, horizon, far);
  }
  result = vec4(colour, 1.0);
}`],
  stripe: [HEAD + `
uniform mat4 camera; in vec3 vertex; in vec4 colour; out vec4 paint;
void main() { paint = colour; gl_Position = camera * vec4(vertex, 1.0); }`,
  HEAD + 'in vec4 paint; out vec4 result;\nvoid main() { result = vec4(paint.rgb * paint.a, paint.a); }'],
};

// ---- WebGL ----
const canvas = $('view');
const gl = canvas.getContext('webgl2', { antialias: true, alpha: false });
if (!gl) {
  $('help').textContent = 'This browser offers no WebGL 2, which the picture needs. The traces below work.';
}

function built([vertexText, fragmentText]) {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertexText], [gl.FRAGMENT_SHADER, fragmentText]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  const places = {};
  for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
    const info = gl.getActiveUniform(program, i), name = info.name.replace('[0]', '');
    places[name] = [gl.getUniformLocation(program, info.name), info.type, info.size];
  }
  return { program, places };
}

function use({ program, places }, values) {
  gl.useProgram(program);
  for (const [name, value] of Object.entries(values)) {
    if (!places[name]) continue;
    const [place, type, size] = places[name];
    if (type === gl.FLOAT_MAT4) gl.uniformMatrix4fv(place, false, value);
    else if (type === gl.FLOAT_VEC4) gl.uniform4fv(place, value);
    else if (type === gl.FLOAT_VEC3) gl.uniform3fv(place, value);
    else if (type === gl.FLOAT_VEC2) gl.uniform2fv(place, value);
    else if (type === gl.FLOAT && size > 1) gl.uniform1fv(place, value);
    else if (type === gl.FLOAT) gl.uniform1f(place, value);
    else gl.uniform1i(place, value);
  }
}

function attributes(program, buffer, layout) {
  const array = gl.createVertexArray(), stride = 4 * layout.reduce((sum, [, size]) => sum + size, 0);
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  let offset = 0;
  for (const [name, size] of layout) {
    const place = gl.getAttribLocation(program.program, name);
    if (place >= 0) {
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, gl.FLOAT, false, stride, offset);
    }
    offset += 4 * size;
  }
  return array;
}

const SHADOW_SIZE = 1024;
const BODY = [['vertex', 3], ['normal', 3], ['colour', 4], ['owner', 1]];
let programs, floorArray, stripeArray, stripeBuffer, frameTexture, shadowMap;

function prepare() {
  programs = Object.fromEntries(Object.entries(SHADERS).map(([name, texts]) => [name, built(texts)]));
  const corners = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, corners);
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
  floorArray = attributes(programs.floor, corners, [['corner', 2]]);
  stripeBuffer = gl.createBuffer();
  stripeArray = attributes(programs.stripe, stripeBuffer, [['vertex', 3], ['colour', 4]]);
  frameTexture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, frameTexture);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texStorage2D(gl.TEXTURE_2D, 1, gl.DEPTH_COMPONENT24, SHADOW_SIZE, SHADOW_SIZE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_MODE, gl.COMPARE_REF_TO_TEXTURE);
  const target = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, target);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.TEXTURE_2D, texture, 0);
  shadowMap = { texture, target };
  for (const episode of episodes) load(episode);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  gl.enable(gl.CULL_FACE);
  gl.enable(gl.DEPTH_TEST);
  gl.depthFunc(gl.LEQUAL);
}

// Solid items become one draw call, first those that move, which cast shadows; sheer ones one each, since they
// are drawn from far to near.
function load(episode) {
  const rank = item => item.colour[3] < 1 ? 2 : item.frame ? 0 : 1;
  const order = [...episode.items].sort((a, b) => rank(a) - rank(b));
  const rows = [], indices = [];
  episode.sheer = [];
  episode.moving = episode.solid = 0;
  for (const item of order) {
    const { vertices, normals, faces } = meshes[item.mesh], base = rows.length / 11, start = indices.length;
    for (let i = 0; i < vertices.length; i += 3) {
      rows.push(vertices[i], vertices[i + 1], vertices[i + 2], normals[i], normals[i + 1], normals[i + 2],
        ...item.colour, item.frame);
    }
    for (const corner of faces) indices.push(base + corner);
    if (rank(item) === 0) episode.moving = indices.length;
    if (rank(item) < 2) episode.solid = indices.length;
    else episode.sheer.push({ start, count: indices.length - start, frame: item.frame });
  }
  const vertexBuffer = gl.createBuffer(), indexBuffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, vertexBuffer);
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(rows), gl.STATIC_DRAW);
  episode.arrays = {};
  for (const name of ['mesh', 'shadow']) {
    episode.arrays[name] = attributes(programs[name], vertexBuffer, BODY);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, indexBuffer);
  }
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint32Array(indices), gl.STATIC_DRAW);
  gl.bindVertexArray(null);
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

// ---- camera ----
function cameraAt(episode, at) {
  if ($('follow').checked || !state.held) {
    state.held = { focus: [...between(episode.focus, 3, at)], extent: between(episode.extent, 1, at)[0] };
  }
  const aspect = canvas.width / canvas.height, tangent = Math.tan(0.5 * LOOK.field);
  const focus = along(state.held.focus, state.shift, 1);
  const distance = state.zoom * state.held.extent / (tangent * Math.min(1, aspect));
  const c = Math.cos(state.elevation);
  const out = [c * Math.cos(state.azimuth), c * Math.sin(state.azimuth), Math.sin(state.elevation)];
  const eye = along(focus, out, distance);
  if (episode.floor) eye[2] = Math.max(eye[2], 0.05);
  const forward = unit(minus(focus, eye)), right = unit(cross(forward, [0, 0, 1])), up = cross(right, forward);
  const near = 0.02 * distance, far = 60 * distance + 100, f = 1 / tangent;
  const rows = [[right, f / aspect], [up, f], [forward, 1]];
  const [x, y, z] = rows.map(([axis]) => -dot(axis, eye));
  const a = (far + near) / (far - near), b = -2 * far * near / (far - near);
  const matrix = new Float32Array(16);
  for (let i = 0; i < 3; i++) {
    matrix[4 * i] = right[i] * f / aspect;
    matrix[4 * i + 1] = up[i] * f;
    matrix[4 * i + 2] = a * forward[i];
    matrix[4 * i + 3] = forward[i];
  }
  matrix.set([x * f / aspect, y * f, a * z + b, z], 12);
  return { eye, forward, right, up, distance, matrix, field: [tangent * aspect, tangent] };
}

// ---- drawing ----
function stripe(rows, points, colours, camera, pixels) {
  const count = points.length / 3, scale = 2 * camera.field[1] / canvas.height * pixels * 0.5;
  let before = null;
  for (let i = 0; i < count; i++) {
    const p = [points[3 * i], points[3 * i + 1], points[3 * i + 2]];
    const j = Math.min(i, count - 2);
    const way = minus([points[3 * j + 3], points[3 * j + 4], points[3 * j + 5]], [points[3 * j], points[3 * j + 1], points[3 * j + 2]]);
    const ray = minus(p, camera.eye), side = unit(cross(way, ray)), wide = scale * Math.max(dot(ray, camera.forward), 0.01);
    const left = along(p, side, wide), right = along(p, side, -wide), colour = colours(i);
    if (before) {
      for (const q of [before[0], right, left, before[0], before[1], right]) rows.push(...q, ...colour);
    }
    before = [left, right];
  }
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
    if (points.length > 3) stripe(rows, points, i => [...trail.colour.slice(0, 3), trail.colour[3] * faded(i)], camera, pixels);
  }
  if (episode.flies) {
    const top = between(episode.robot, 3, at), points = [];
    for (let i = 0; i <= 24; i++) points.push(top[0], top[1], top[2] * (1 - i / 24));
    stripe(rows, points, () => LOOK.plumb, camera, 0.6 * pixels);
  }
  return new Float32Array(rows);
}

function drawShadow(episode, middle, frames) {
  const reach = 1.5 * episode.radius, [sx, sy, sz] = LOOK.sun, half = reach / sz;
  const low = Math.min(middle[2] - 2 * reach, 0), high = Math.max(middle[2] + 2 * reach, 0.1);
  const light = { sun: LOOK.sun, shadowHeights: [low, high], frames: 0, shadow: 1, texel: 2 * half / SHADOW_SIZE,
    shadowBox: [middle[0] - middle[2] * sx / sz - half, middle[1] - middle[2] * sy / sz - half, 2 * half, 2 * half],
    softness: 0.05 * episode.radius + 0.02 * Math.max(0, middle[2]) };
  gl.activeTexture(gl.TEXTURE1);
  gl.bindTexture(gl.TEXTURE_2D, null);
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(gl.TEXTURE_2D, frameTexture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, 2, episode.count, 0, gl.RGBA, gl.FLOAT, frames);
  gl.bindFramebuffer(gl.FRAMEBUFFER, shadowMap.target);
  gl.viewport(0, 0, SHADOW_SIZE, SHADOW_SIZE);
  gl.clear(gl.DEPTH_BUFFER_BIT);
  gl.disable(gl.CULL_FACE);
  use(programs.shadow, light);
  gl.bindVertexArray(episode.arrays.shadow);
  gl.drawElements(gl.TRIANGLES, episode.moving, gl.UNSIGNED_INT, 0);
  gl.enable(gl.CULL_FACE);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  gl.activeTexture(gl.TEXTURE1);
  gl.bindTexture(gl.TEXTURE_2D, shadowMap.texture);
  return light;
}

function drawView() {
  const ratio = window.devicePixelRatio || 1, episode = state.episode;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const at = moment(episode, state.time), frames = framesAt(episode, at), camera = cameraAt(episode, at);
  const light = drawShadow(episode, between(episode.robot, 3, at), frames);
  gl.viewport(0, 0, width, height);
  gl.clear(gl.DEPTH_BUFFER_BIT);
  const common = { ...light, ...camera, camera: camera.matrix, hasFloor: episode.floor ? 1 : 0, surface: LOOK.surface };
  gl.depthMask(false);
  use(programs.floor, { ...common, horizon: LOOK.horizon, zenith: LOOK.zenith, ground: LOOK.floor, line: LOOK.line,
    grid: episode.grid, lineWidth: episode.lineWidth, haze: episode.haze, shade: LOOK.shade });
  gl.bindVertexArray(floorArray);
  gl.drawArrays(gl.TRIANGLES, 0, 3);
  gl.depthMask(true);
  use(programs.mesh, common);
  gl.bindVertexArray(episode.arrays.mesh);
  gl.drawElements(gl.TRIANGLES, episode.solid, gl.UNSIGNED_INT, 0);
  gl.depthMask(false);
  gl.enable(gl.BLEND);
  const rows = stripes(episode, at, camera);
  use(programs.stripe, common);
  gl.bindVertexArray(stripeArray);
  gl.bindBuffer(gl.ARRAY_BUFFER, stripeBuffer);
  gl.bufferData(gl.ARRAY_BUFFER, rows, gl.DYNAMIC_DRAW);
  gl.drawArrays(gl.TRIANGLES, 0, rows.length / 7);
  use(programs.mesh, common);
  gl.bindVertexArray(episode.arrays.mesh);
  const away = part => Math.hypot(...minus(frames.subarray(8 * part.frame, 8 * part.frame + 3), camera.eye));
  for (const part of [...episode.sheer].sort((a, b) => away(b) - away(a))) {
    gl.drawElements(gl.TRIANGLES, part.count, gl.UNSIGNED_INT, 4 * part.start);
  }
  gl.disable(gl.BLEND);
  gl.depthMask(true);
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
    if (gl) drawView();
    tell();
  }
  requestAnimationFrame(tick);
}

if (gl) prepare();
connect();
choose(0);
// A link such as page.html#t=1.5 shows that moment.
const asked = /[#&]t=([\d.]+)/.exec(location.hash);
if (asked) { setPlaying(false); seek(+asked[1]); }
document.body.dataset.ready = gl ? 'drawn' : 'no webgl';
requestAnimationFrame(tick);
