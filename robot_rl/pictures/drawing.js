// Draws scenes that scene.py describes, with WebGL 2 and nothing else.
// Colours, the sun and how surfaces answer to light come from Python (`look`), so that film and pages agree.
'use strict';

const decoded = (text, Type) => {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  return new Type(bytes.buffer);
};
const floats = text => text && decoded(text, Float32Array);
const meshesOf = described => described.map(m => ({
  vertices: floats(m.vertices), normals: floats(m.normals), faces: decoded(m.faces, Int32Array) }));

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

// ---- the studio ----
// Draws on one canvas; null where the browser offers no WebGL 2.
function makeStudio(canvas, look) {
  const gl = canvas.getContext('webgl2', { antialias: true, alpha: false });
  if (!gl) return null;

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
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.CULL_FACE);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
  }

  // Solid items become one draw call, first those that move, which cast shadows; sheer ones one each, since they
  // are drawn from far to near.
  function load(scene, meshes) {
    const rank = item => item.colour[3] < 1 ? 2 : item.frame ? 0 : 1;
    const order = [...scene.items].sort((a, b) => rank(a) - rank(b));
    const rows = [], indices = [];
    scene.sheer = [];
    scene.moving = scene.solid = 0;
    for (const item of order) {
      const { vertices, normals, faces } = meshes[item.mesh], base = rows.length / 11, start = indices.length;
      for (let i = 0; i < vertices.length; i += 3) {
        rows.push(vertices[i], vertices[i + 1], vertices[i + 2], normals[i], normals[i + 1], normals[i + 2],
          ...item.colour, item.frame);
      }
      for (const corner of faces) indices.push(base + corner);
      if (rank(item) === 0) scene.moving = indices.length;
      if (rank(item) < 2) scene.solid = indices.length;
      else scene.sheer.push({ start, count: indices.length - start, frame: item.frame });
    }
    const vertexBuffer = gl.createBuffer(), indexBuffer = gl.createBuffer();
    scene.buffers = [vertexBuffer, indexBuffer];
    gl.bindBuffer(gl.ARRAY_BUFFER, vertexBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(rows), gl.STATIC_DRAW);
    scene.arrays = {};
    for (const name of ['mesh', 'shadow']) {
      scene.arrays[name] = attributes(programs[name], vertexBuffer, BODY);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, indexBuffer);
    }
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint32Array(indices), gl.STATIC_DRAW);
    gl.bindVertexArray(null);
  }

  // Forget a scene that is not drawn any more.
  function unload(scene) {
    for (const array of Object.values(scene.arrays)) gl.deleteVertexArray(array);
    for (const buffer of scene.buffers) gl.deleteBuffer(buffer);
  }

  function resize() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  }

  // The camera that has `extent` around `focus` in sight, from a direction given by two angles.
  function cameraOf(focus, extent, azimuth, elevation, floor) {
    resize();
    const aspect = canvas.width / canvas.height, tangent = Math.tan(0.5 * look.field);
    const distance = extent / (tangent * Math.min(1, aspect));
    const c = Math.cos(elevation);
    const out = [c * Math.cos(azimuth), c * Math.sin(azimuth), Math.sin(elevation)];
    const eye = along(focus, out, distance);
    if (floor) eye[2] = Math.max(eye[2], 0.05);
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

  function drawShadow(scene, middle, frames) {
    const reach = 1.5 * scene.radius, [sx, sy, sz] = look.sun, half = reach / sz;
    const low = Math.min(middle[2] - 2 * reach, 0), high = Math.max(middle[2] + 2 * reach, 0.1);
    const light = { sun: look.sun, shadowHeights: [low, high], frames: 0, shadow: 1, texel: 2 * half / SHADOW_SIZE,
      shadowBox: [middle[0] - middle[2] * sx / sz - half, middle[1] - middle[2] * sy / sz - half, 2 * half, 2 * half],
      softness: 0.05 * scene.radius + 0.02 * Math.max(0, middle[2]) };
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, null);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, frameTexture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, 2, scene.count, 0, gl.RGBA, gl.FLOAT, frames);
    gl.bindFramebuffer(gl.FRAMEBUFFER, shadowMap.target);
    gl.viewport(0, 0, SHADOW_SIZE, SHADOW_SIZE);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.disable(gl.CULL_FACE);
    use(programs.shadow, light);
    gl.bindVertexArray(scene.arrays.shadow);
    gl.drawElements(gl.TRIANGLES, scene.moving, gl.UNSIGNED_INT, 0);
    gl.enable(gl.CULL_FACE);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, shadowMap.texture);
    return light;
  }

  // Draws a scene that was loaded: `frames` as in Scene.frames, `middle` of the robot, and `rows` of stripes.
  function draw(scene, frames, middle, camera, rows) {
    resize();
    const light = drawShadow(scene, middle, frames);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    const common = { ...light, ...camera, camera: camera.matrix, hasFloor: scene.floor ? 1 : 0, surface: look.surface };
    gl.depthMask(false);
    use(programs.floor, { ...common, horizon: look.horizon, zenith: look.zenith, ground: look.floor, line: look.line,
      grid: scene.grid, lineWidth: scene.lineWidth, haze: scene.haze, shade: look.shade });
    gl.bindVertexArray(floorArray);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.depthMask(true);
    use(programs.mesh, common);
    gl.bindVertexArray(scene.arrays.mesh);
    gl.drawElements(gl.TRIANGLES, scene.solid, gl.UNSIGNED_INT, 0);
    gl.depthMask(false);
    gl.enable(gl.BLEND);
    use(programs.stripe, common);
    gl.bindVertexArray(stripeArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, stripeBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(rows), gl.DYNAMIC_DRAW);
    gl.drawArrays(gl.TRIANGLES, 0, rows.length / 7);
    use(programs.mesh, common);
    gl.bindVertexArray(scene.arrays.mesh);
    const away = part => Math.hypot(...minus(frames.subarray(8 * part.frame, 8 * part.frame + 3), camera.eye));
    for (const part of [...scene.sheer].sort((a, b) => away(b) - away(a))) {
      gl.drawElements(gl.TRIANGLES, part.count, gl.UNSIGNED_INT, 4 * part.start);
    }
    gl.disable(gl.BLEND);
    gl.depthMask(true);
  }

  prepare();
  return { load, unload, cameraOf, stripe, draw };
}
