// The map: every image a point in a plane, coloured by what is known of it. Points are drawn by
// plot.js; what is known, shown and selected is scene.js's.

import { renewPictures } from "../shared/addresses.js";
import { drawOptions, element, partsOf, picture, say } from "../shared/dom.js";
import { scopeOf } from "../shared/ids.js";
import { mounting } from "../shared/mount.js";
import { request } from "../shared/requests.js";
import { plural, sentence } from "../shared/text.js";
import { Toast } from "../shared/toast.js";
import { bitsOf, readColumns } from "./bytes.js";
import { listen } from "./input.js";
import { Over } from "./over.js";
import { Plot } from "./plot.js";
import { Scene } from "./scene.js";
import { Compare, List, drawLegend, drawPicked } from "./side.js";
import { Pictures, Thumbs, inView } from "./thumbs.js";
import { View } from "./view.js";
import { basisText, modelText, umapText } from "./words.js";

const MOVING = 900; // milliseconds that points take to a new layout
const CARD = [170, 180]; // pixels that what is said of a point takes
const STEP = 1500; // milliseconds between models while they play
const [BUSY, REST] = [1500, 6000];
const ACTIVE = new Set(["running", "waiting"]);
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

class Atlas {
  constructor(root, data) {
    Object.assign(this, { root, data, scope: scopeOf(data), part: partsOf(root) });
    this.stop = new AbortController();
    const { signal } = this.stop;
    const { part } = this;
    this.link = { base: data.base, ticket: data.ticket };
    renewPictures(root, this.link, signal);
    this.toast = new Toast(part.toast);
    this.scene = new Scene({ classes: data.classes, palette: data.colours, people: [], models: [] });
    this.view = new View();
    this.plot = new Plot(part.points, () => this.#handOver(), signal);
    this.over = new Over(part.over);
    this.pictures = new Pictures(this.link, () => this.scene.columns.ids, () => this.#arrived());
    this.thumbs = new Thumbs(part.thumbs, this.scene, this.pictures);
    this.list = new List(this);
    this.compare = new Compare(this, data.strategies);
    this.mode = "move";
    this.share = 1;
    this.hovered = -1;
    const query = new URLSearchParams(location.search);
    this.scene.way = query.get("colour") ?? "class";
    this.wish = { method: query.get("layout") === "umap" ? "umap" : "pca", at: query.get("at") };
    part.plot.toggleAttribute("data-still", this.plot.still);
    this.#listen(signal);
    listen(this, signal);
    const watcher = new ResizeObserver(() => this.#resize());
    watcher.observe(part.plot);
    signal.addEventListener("abort", () => watcher.disconnect());
    this.#resize();
    this.#start();
  }

  // New data from Streamlit after a rerun.
  update(data) {
    this.data = data;
    this.link.ticket = data.ticket;
    this.#theme();
  }

  destroy() {
    this.stop.abort();
    clearTimeout(this.timer);
    clearInterval(this.playing);
    cancelAnimationFrame(this.frame);
  }

  // -- what comes in ---------------------------------------------------------------------------

  async #start() {
    const { method } = this.wish;
    const pick = () => Promise.all([
      request(this.link, "GET", "/map/status"), this.#bytes("/map/columns"),
      this.#layout("", method).catch((error) => (method === "pca" ? Promise.reject(error) : this.#layout("", "pca")))]);
    try {
      const [status, columns, layout] = await pick();
      this.#setStatus(status);
      this.scene.setColumns(columns);
      this.scene.at = this.#end;
      await this.#know();
      this.#place(layout);
      this.view.fit(this.scene.layout);
      this.#placeSlider(this.wish.at);
      this.root.dataset.points = String(this.scene.n);
      if (this.wish.at !== null) await this.#goTo(Number(this.wish.at));
      this.#again();
      this.root.dataset.ready = "1";
    } catch (error) {
      if (this.stop.signal.aborted) return;
      this.part.empty.hidden = false;
      say(this.part.empty, `${sentence(error.message)} Trying again.`);
      this.timer = setTimeout(() => this.#start(), REST);
      return;
    }
    this.#poll();
  }

  async #bytes(path) {
    const response = await fetch(this.link.base + path, {
      headers: { "X-Alcore-Ticket": this.link.ticket }, cache: "no-store", signal: this.stop.signal });
    if (response.ok) return readColumns(await response.arrayBuffer());
    const reason = await response.json().catch(() => ({}));
    throw new Error(reason.message ?? `the server answered ${response.status}`);
  }

  // Ask for the column of metadata by which points are coloured, if they are by one.
  async #know() {
    const { scene } = this;
    const { way } = scene;
    const id = /^meta-(\d{1,15})$/.exec(way)?.[1];
    if (!id || scene.values.has(way)) return;
    try {
      scene.values.set(way, await this.#bytes(`/map/known/${id}`));
    } catch (error) {
      if (this.stop.signal.aborted) return;
      scene.way = "class";
      this.toast.show(sentence(error.message));
    }
  }

  #layout(basis, method) {
    return this.#bytes(`/map/layout?${new URLSearchParams({ basis, method })}`);
  }

  #poll() {
    const active = ACTIVE.has(this.status?.job?.state);
    this.timer = setTimeout(async () => {
      if (!document.hidden) await this.#look().catch(() => null);
      if (!this.stop.signal.aborted) this.#poll();
    }, active ? BUSY : REST);
  }

  // Look whether there are new labels, images, models or layouts.
  async #look() {
    const before = this.status;
    const status = await request(this.link, "GET", "/map/status");
    const was = this.#end;
    const atEnd = () => this.scene.at >= was; // asked last: somebody may move the slider meanwhile
    this.#setStatus(status);
    const more = status.images !== this.scene.n || status.events !== before.events
      || status.models.length !== before.models.length;
    if (more) {
      this.scene.setColumns(await this.#bytes("/map/columns"));
      await this.#know();
    }
    const { method } = this.wish;
    const newest = status.stored[method]?.join() !== before.stored[method]?.join()
      || status.basis !== before.basis
      || (method === "umap" && ACTIVE.has(before.job?.state) && status.job?.state === "done");
    if (newest || status.images !== this.scene.layout.steps.length / 2) {
      const basis = atEnd() ? "" : this.scene.layout.basis;
      this.#place(await this.#layout(basis, method).catch(() => this.#layout("", "pca")));
      this.root.dataset.points = String(this.scene.n);
    }
    if (more || newest) {
      const stays = !atEnd();
      if (!stays) this.scene.at = this.#end;
      this.#placeSlider(stays ? this.scene.at : null);
      this.#again();
    } else this.#sayUmap();
  }

  #setStatus(status) {
    this.status = status;
    if (status.ticket) this.link.ticket = status.ticket;
    this.scene.known.models = status.models;
  }

  // The place of the slider at which everything is shown.
  get #end() {
    return this.scene.known.models.length + 1;
  }

  get method() {
    return this.scene.layout?.method ?? "pca";
  }

  // Let points go to a layout, from where they are.
  #place(answer) {
    const { scene } = this;
    const before = scene.layout;
    const layout = scene.setLayout(answer);
    const from = before && before.steps.length === layout.steps.length && !calm() && !this.plot.still
      ? before : layout;
    this.plot.setPlaces(from, layout);
    this.share = from === layout ? 1 : 0;
    this.movingSince = performance.now();
  }

  // -- drawing ---------------------------------------------------------------------------------

  // Colours, sizes, legend and texts anew.
  #again() {
    const { scene, part } = this;
    if (!scene.layout) return;
    const ways = scene.ways();
    if (!ways.some(([name]) => name === scene.way)) scene.way = "class";
    drawOptions(part.way, ways, scene.way);
    drawOptions(part.method, [["pca", "main directions (PCA)"], ["umap", "neighbours (UMAP)"]],
      this.wish.method);
    say(part.waytitle, ways.find(([name]) => name === scene.way)?.[1] ?? "Class");
    this.#theme(false);
    scene.look();
    if (!scene.n) say(part.empty, "There are no images yet.");
    this.#handOver();
    drawLegend(this);
    drawPicked(this);
    this.list.draw();
    this.#sayAbout();
    this.#sayUmap();
  }

  #handOver() {
    const { scene, plot } = this;
    if (!scene.layout) return;
    plot.setOrder(scene.order());
    plot.setLook(scene.colour, scene.size);
    if (!plot.after) plot.setPlaces(scene.layout, scene.layout);
    else plot.setPlaces(plot.before, plot.after);
    this.paint();
  }

  // After a selection or filter: only how points look changes.
  #restyle() {
    const { scene } = this;
    scene.look();
    this.plot.setLook(scene.colour, scene.size);
    drawLegend(this);
    drawPicked(this);
    this.list.draw();
    this.paint();
  }

  paint() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = undefined;
      this.#draw();
    });
  }

  #draw() {
    const { scene, view } = this;
    if (!scene.layout) return;
    if (this.share < 1) {
      const done = Math.min(1, (performance.now() - this.movingSince) / MOVING);
      this.share = done < 1 ? done * done * (3 - 2 * done) : 1;
      this.paint();
    }
    const zoomed = (view.scale / (4 * view.least)) ** 0.35;
    const base = (scene.n < 2500 ? 6.5 : scene.n < 12000 ? 5 : scene.n < 80000 ? 4 : 2.4) * Math.max(0.7, zoomed);
    const small = Math.min(1, Math.max(0.6, view.width / 900));
    this.plot.draw(view, this.share, Math.min(26, base * small));
    if (scene.n) {
      this.part.empty.hidden = inView(scene, view, 1).length > 0;
      say(this.part.empty, "No images here. “All” shows everything.");
    }
    const few = this.share === 1 && !this.plot.still && this.thumbs.draw(view);
    this.part.points.style.opacity = few ? "0.3" : "1";
    this.over.draw(view, scene);
    this.root.dataset.frames = String(Number(this.root.dataset.frames ?? 0) + 1);
  }

  #theme(again = true) {
    const shade = getComputedStyle(this.root).backgroundColor;
    const ink = getComputedStyle(this.root).color.match(/[\d.]+/g)?.slice(0, 3).map(Number) ?? [0, 0, 0];
    const dark = ink.reduce((a, b) => a + b) > 380;
    if (dark === this.scene.dark && shade === this.shade) return;
    this.shade = shade;
    this.scene.dark = dark;
    if (again) this.#again();
  }

  #resize() {
    const { plot } = this.part;
    if (!plot.clientWidth) return;
    this.view.resize(plot.clientWidth, plot.clientHeight);
    this.paint();
  }

  #arrived() {
    if (this.stop.signal.aborted) return;
    if (this.hovered >= 0) this.#card(this.hovered, this.pointer);
    this.list.draw();
    this.compare.draw();
    this.paint();
  }

  #sayAbout() {
    const { scene, part } = this;
    const lines = [`${plural(scene.n, "image")}, ${basisText(scene.layout)}.`];
    if (scene.missing) lines.push(`${plural(scene.missing, "image")} came later and will be on the next map.`);
    if (!scene.layout.predicted && scene.known.models.length) lines.push("Of this model no predictions are kept.");
    if (!scene.known.models.length) lines.push("With the first model the map shows what it has learned.");
    if (this.plot.still) lines.push("This browser has no WebGL: the map is a picture that stands still. The list below shows the same.");
    say(part.about, lines.join(" "));
    part.plot.setAttribute("aria-label", `Map of ${plural(scene.n, "image")}, coloured by `
      + `${part.waytitle.textContent.toLowerCase()}`);
  }

  #sayUmap() {
    const { part, status } = this;
    const text = umapText(status, this.wish.method, this.scene.layout, this.scene.missing);
    part.umap.hidden = !text;
    say(part.umaptext, text);
    const active = ACTIVE.has(status.job?.state);
    part.compute.hidden = !status.owns || !status.installed;
    say(part.compute, active ? "Stop" : "Compute");
  }

  // -- what a person does ----------------------------------------------------------------------

  #listen(signal) {
    const { part, root } = this;
    const on = (node, name, work) => node.addEventListener(name, work, { signal });
    on(part.way, "change", async () => {
      this.scene.way = part.way.value;
      this.scene.off.clear();
      await this.#know();
      this.#keep();
      this.#again();
    });
    on(part.method, "change", () => this.#choose(part.method.value));
    on(part.next, "change", () => { this.scene.larger = part.next.checked; this.#again(); });
    on(part.at, "input", () => { this.#pause(); this.#goTo(Number(part.at.value)); });
    on(part.list, "toggle", () => this.list.draw());
    on(root, "click", (event) => this.#click(event));
  }

  #click(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const { mode, show, pick, point } = button.dataset;
    if (mode) this.#setMode(mode);
    else if (show !== undefined) this.#flip(Number(show));
    else if (pick !== undefined) {
      this.scene.pickCategory(Number(pick), event.shiftKey ? "more" : "new");
      this.#restyle();
    } else if (point !== undefined) this.#toggle(Number(point));
    else if (button.dataset.do) this.#act(button.dataset.do);
  }

  #act(what) {
    const zoom = (factor) => { this.view.zoom(factor); this.moved(); };
    switch (what) {
      case "in": return zoom(1.5);
      case "out": return zoom(1 / 1.5);
      case "fit": this.view.fit(this.scene.layout); return this.moved();
      case "play": return this.#play();
      case "compute": return this.#compute();
      case "clear": return this.clear();
      case "only": return this.#only();
      case "before": return this.list.turn(-1);
      case "after": return this.list.turn(1);
      case "ask": return this.compare.ask();
      case "grid": return this.#leave((id) => `./?project=${this.data.project}&selection=${id}`);
      case "review": return this.#leave((id) => `review?project=${this.data.project}&selection=${id}`);
      case "export": return this.#leave((_, answer) => answer.file);
      default: return undefined;
    }
  }

  #setMode(mode) {
    this.mode = mode;
    this.part.plot.dataset.mode = mode;
    for (const button of this.root.querySelectorAll("[data-mode]")) {
      if (button.tagName === "BUTTON") button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
  }

  #flip(value) {
    const { off } = this.scene;
    if (!off.delete(value)) off.add(value);
    const focus = value;
    this.#restyle();
    this.part.legend.querySelector(`[data-show="${focus}"]`)?.focus();
  }

  #toggle(i) {
    this.scene.pick([i], this.scene.picked[i] ? "less" : "more");
    this.over.ring = i;
    this.#restyle();
  }

  #only() {
    const { scene } = this;
    scene.only = scene.only ? null : scene.picked.slice();
    if (scene.only) scene.picked.fill(0);
    this.#restyle();
    this.#sayAbout();
  }

  clear() {
    this.scene.picked.fill(0);
    this.over.ring = -1;
    this.#restyle();
  }

  // The view has changed.
  moved() {
    this.point(-1);
    this.paint();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.list.draw(), 250);
  }

  outline(path) {
    this.over.outline = path;
    this.paint();
  }

  pickInside(path, how) {
    this.scene.pick(this.scene.cells.inside(path.map((p) => this.view.at(...p)), this.scene.shown), how);
    this.#restyle();
  }

  pickInView(how) {
    this.scene.pick(inView(this.scene, this.view), how);
    this.#restyle();
  }

  nearest(x, y, distance) {
    const { scene, view } = this;
    if (!scene.cells) return -1;
    return scene.cells.nearest(...view.at(x, y), distance / view.scale, scene.shown);
  }

  // A press on a point, or beside all of them.
  press(i, at, adding) {
    if (i >= 0 && adding) this.#toggle(i);
    else this.point(i, at);
  }

  // Show what is at the pointer; −1 for nothing.
  point(i, at = this.pointer) {
    this.pointer = at;
    if (i === this.hovered && i < 0) return;
    this.hovered = i;
    this.over.ring = i;
    this.part.card.hidden = i < 0;
    if (i >= 0) this.#card(i, at);
    this.paint();
  }

  #card(i, at) {
    const { part, scene, pictures, view } = this;
    const about = pictures.of(i);
    part.card.replaceChildren(picture(about ? { src: about.small } : {}),
      element("p", { className: "strong", textContent: about?.name ?? "\u00a0" }),
      ...scene.words(i).map((text) => element("p", { textContent: text })));
    const [x, y] = at ?? [0, 0];
    const left = x + CARD[0] > view.width ? x - CARD[0] : x + 14;
    part.card.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, Math.min(y + 14, view.height - CARD[1]))}px)`;
  }

  async #choose(method) {
    this.wish.method = method;
    this.#keep();
    this.#place(await this.#layout("", method).catch(() => this.#layout("", "pca")));
    this.#again();
  }

  async #compute() {
    const stop = ACTIVE.has(this.status.job?.state);
    try {
      await request(this.link, "POST", "/map/compute", { stop });
      this.#setStatus(await request(this.link, "GET", "/map/status"));
      clearTimeout(this.timer);
      this.#poll();
    } catch (error) {
      this.toast.show(sentence(error.message));
    }
    this.#sayUmap();
  }

  // Keep the selection on the server and go to the page that shows it.
  async #leave(address) {
    try {
      const answer = await request(this.link, "POST", "/map/selection", { bits: bitsOf(this.scene.picked) }, 30);
      location.assign(new URL(address(answer.selection, answer), document.baseURI));
    } catch (error) {
      this.toast.show(sentence(error.message));
    }
  }

  // -- models ----------------------------------------------------------------------------------

  #placeSlider(at) {
    const { part, scene } = this;
    part.rounds.hidden = !scene.known.models.length;
    part.at.max = String(this.#end);
    part.at.value = String(at ?? this.#end);
    say(part.asof, modelText(scene.known.models, Number(part.at.value)));
  }

  // Show labels as model number `at`, by its place, knew them, where its embeddings lay.
  async #goTo(at) {
    const { scene, part, status } = this;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const place = Math.min(Math.max(Math.round(at) || 0, 0), this.#end);
    scene.at = place;
    part.at.value = String(place);
    say(part.asof, modelText(scene.known.models, place));
    const model = scene.known.models[place - 1];
    const basis = model ? String(model[0]).padStart(4, "0") : "";
    const stored = status.stored[this.method] ?? [];
    const wanted = place >= this.#end ? "" : stored.includes(basis) ? basis : null;
    if (wanted !== null && (wanted || status.basis) !== scene.layout.basis) {
      const answer = await this.#layout(wanted, this.method).catch(() => null);
      if (turn !== this.turn) return;
      if (answer) this.#place(answer);
    }
    this.#keep();
    this.#again();
  }

  #play() {
    if (this.playing) {
      this.#pause();
      return;
    }
    say(this.part.play, "Pause");
    let at = this.scene.at >= this.#end ? 0 : this.scene.at + 1;
    this.#goTo(at);
    this.playing = setInterval(() => {
      at += 1;
      if (at >= this.#end) this.#pause();
      this.#goTo(at);
    }, STEP);
  }

  #pause() {
    clearInterval(this.playing);
    this.playing = undefined;
    say(this.part.play, "Play");
  }

  // What is shown stands in the address, so that a link restores it.
  #keep() {
    const address = new URL(location.href);
    const kept = { colour: this.scene.way === "class" ? "" : this.scene.way,
      layout: this.wish.method === "umap" ? "umap" : "",
      at: this.scene.at >= this.#end ? "" : String(this.scene.at) };
    for (const [name, value] of Object.entries(kept)) {
      if (value === "") address.searchParams.delete(name);
      else address.searchParams.set(name, value);
    }
    history.replaceState(history.state, "", address);
  }
}

export default mounting(".map", (root, data) => new Atlas(root, data));
