// The points themselves, drawn by WebGL: positions stay on the graphics card, and to move, zoom or
// let points wander costs a few numbers a frame. Where there is no WebGL, a picture that stands still.

const VERTEX = `#version 300 es
in vec2 before; in vec2 after; in vec4 colour; in float size;
uniform vec2 spans; uniform vec2 centre; uniform vec2 scale; uniform float share; uniform float base;
out vec4 paint; out float radius;
void main() {
  vec2 place = mix((before * 2.0 - 1.0) * spans.x, (after * 2.0 - 1.0) * spans.y, share);
  gl_Position = vec4((place - centre) * scale, 0.0, 1.0);
  radius = base * size * 8.0;
  gl_PointSize = radius + 1.0;
  paint = colour;
  if (colour.a == 0.0 || size == 0.0) gl_Position = vec4(2.0, 2.0, 0.0, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 paint; in float radius; out vec4 result;
void main() {
  float away = length(gl_PointCoord - 0.5) * (radius + 1.0);
  float inside = clamp(0.5 * radius + 0.5 - away, 0.0, 1.0);
  if (inside == 0.0) discard;
  result = vec4(paint.rgb, paint.a * inside);
}`;

export class Plot {
  // changed: the context came back, and everything has to be handed over again.
  constructor(canvas, changed, signal) {
    this.canvas = canvas;
    this.lost = false;
    this.gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: false });
    if (!this.gl) return;
    this.#begin();
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.lost = true;
    }, { signal });
    canvas.addEventListener("webglcontextrestored", () => {
      this.lost = false;
      this.#begin();
      changed();
    }, { signal });
  }

  get still() {
    return !this.gl;
  }

  // count: how many points; order: their numbers, those drawn last lie on top.
  setOrder(order) {
    this.order = order;
    if (this.gl) this.#fill("order", this.gl.ELEMENT_ARRAY_BUFFER, order);
  }

  // {steps, span} of where points come from and where they go, as many steps as there are points.
  setPlaces(before, after) {
    Object.assign(this, { before, after });
    if (!this.gl) return;
    this.#column("before", before.steps, 2, this.gl.UNSIGNED_SHORT);
    this.#column("after", after.steps, 2, this.gl.UNSIGNED_SHORT);
  }

  // colour: RGBA per point, alpha 0 hides it; size: per point, 32 is one.
  setLook(colour, size) {
    Object.assign(this, { colour, size });
    if (!this.gl) return;
    this.#column("colour", colour, 4, this.gl.UNSIGNED_BYTE);
    this.#column("size", size, 1, this.gl.UNSIGNED_BYTE);
  }

  // share: how far points are on their way, 0 … 1; base: diameter in pixels of the screen.
  draw(view, share, base) {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
    }
    if (this.still) return this.#drawStill(view, ratio, base);
    const { gl, program } = this;
    if (this.lost || !this.order) return undefined;
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const at = (name) => gl.getUniformLocation(program, name);
    gl.uniform2f(at("spans"), this.before.span, this.after.span);
    gl.uniform2f(at("centre"), view.x, view.y);
    gl.uniform2f(at("scale"), 2 * view.scale / view.width, 2 * view.scale / view.height);
    gl.uniform1f(at("share"), share);
    gl.uniform1f(at("base"), base * ratio);
    gl.drawElements(gl.POINTS, this.order.length, gl.UNSIGNED_INT, 0);
    return undefined;
  }

  #drawStill(view, ratio, base) {
    const context = this.canvas.getContext("2d");
    if (!context || !this.order || !this.colour) return;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const { steps, span } = this.after;
    for (const i of this.order) {
      const alpha = this.colour[4 * i + 3];
      if (!alpha || !this.size[i]) continue;
      const [x, y] = view.pixel((steps[2 * i] / 65535 * 2 - 1) * span,
        (steps[2 * i + 1] / 65535 * 2 - 1) * span);
      const side = base * ratio * this.size[i] / 32;
      context.fillStyle = `rgb(${this.colour[4 * i]} ${this.colour[4 * i + 1]} `
        + `${this.colour[4 * i + 2]} / ${alpha / 255})`;
      context.fillRect(x * ratio - side / 2, y * ratio - side / 2, side, side);
    }
  }

  #begin() {
    const { gl } = this;
    this.buffers = {};
    this.program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  #fill(name, target, values) {
    const { gl } = this;
    this.buffers[name] ??= gl.createBuffer();
    gl.bindBuffer(target, this.buffers[name]);
    gl.bufferData(target, values, gl.DYNAMIC_DRAW);
  }

  #column(name, values, parts, type) {
    const { gl } = this;
    this.#fill(name, gl.ARRAY_BUFFER, values);
    const place = gl.getAttribLocation(this.program, name);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, parts, type, true, 0, 0);
  }
}
