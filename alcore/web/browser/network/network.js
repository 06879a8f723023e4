// What a network sees: its layers from early to late, units, first filters, one image layer by
// layer, and another network beside it. The server computes; this asks layer by layer.

import { renewPictures } from "../shared/addresses.js";
import { drawOptions, element, partsOf, say } from "../shared/dom.js";
import { scopeOf } from "../shared/ids.js";
import { mounting } from "../shared/mount.js";
import { request } from "../shared/requests.js";
import { plural, sentence } from "../shared/text.js";
import { large, made, pairText, tile, waiting } from "./tiles.js";
import { CLASSES, aboutText, besideName, besideOptions, changeText, concreteText, layerText,
  layerTitle, modelOptions, partOptions, restText, unitName } from "./words.js";

const FEW = 8; // units of a layer at first
const MORE = 12; // and with each press
const PATIENCE = 200; // seconds; what computes waits for nobody else
const VIEWS = ["units", "filters", "image"];

class Microscope {
  constructor(root, data) {
    Object.assign(this, { root, data, scope: scopeOf(data), part: partsOf(root) });
    this.stop = new AbortController();
    this.link = { base: data.base, ticket: data.ticket };
    this.names = new Map(data.classes.map((c) => [c.id, c.name]));
    this.nameOf = (id) => this.names.get(id) ?? "a deleted class";
    this.turn = 0; // counts choices, so that a late answer to an earlier one is not drawn
    const query = new URLSearchParams(location.search);
    this.wish = Object.fromEntries(["model", "part", "beside", "view", "item"].map((name) => [name, query.get(name) ?? ""]));
    const { signal } = this.stop;
    renewPictures(root, this.link, signal);
    const on = (node, name, work) => node.addEventListener(name, work, { signal });
    for (const name of ["model", "part", "beside"]) {
      on(this.part[name], "change", () => { this.wish[name] = this.part[name].value; this.#begin(); });
    }
    on(root, "click", (event) => this.#click(event));
    this.#start();
  }

  // New data from Streamlit after a rerun.
  update(data) {
    this.data = data;
    this.link.ticket = data.ticket;
  }

  destroy() {
    this.stop.abort();
    this.turn += 1;
  }

  async #start() {
    try {
      this.offer = await request(this.link, "GET", "/network/offered");
    } catch (error) {
      this.#sayNone(sentence(error.message));
      return;
    }
    if (this.offer.none) this.#sayNone(this.offer.none);
    else this.#begin();
  }

  #sayNone(text) {
    const { part } = this;
    this.root.querySelector(".bar").hidden = true;
    for (const name of [...VIEWS, "about"]) part[name].hidden = true;
    part.none.hidden = false;
    say(part.none, text);
    this.root.dataset.ready = "1";
  }

  // Draw what is chosen now, from the choices down.
  #begin() {
    const { part, offer, wish } = this;
    this.turn += 1;
    this.root.dataset.ready = "";
    const usable = offer.models.find((one) => one.parts.length);
    this.model = offer.models.find((one) => String(one.model) === wish.model) ?? usable ?? offer.models[0];
    const parts = partOptions(offer, this.model);
    this.chosen = parts.some(([name]) => name === wish.part) ? wish.part : parts[0]?.[0] ?? "network";
    const beside = besideOptions(offer, this.model, this.chosen);
    this.beside = beside.some(([name]) => name === wish.beside) ? wish.beside : "";
    this.view = VIEWS.includes(wish.view) ? wish.view : "units";
    drawOptions(part.model, modelOptions(offer), String(this.model?.model ?? ""));
    drawOptions(part.part, parts.length ? parts : [["network", this.model?.network ?? "none"]], this.chosen);
    drawOptions(part.beside, beside, this.beside);
    part.model.disabled = offer.models.length < 2;
    part.part.disabled = parts.length < 2;
    for (const name of VIEWS) part[name].hidden = name !== this.view;
    for (const button of this.root.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === this.view));
    }
    this.#keep();
    this.#fill();
  }

  // Ask for a part of what is chosen. Rejects where something else is chosen by now.
  async #ask(path, query = {}, state = "") {
    const { turn } = this;
    const model = state && !["random", "start"].includes(state) ? state : String(this.model?.model ?? "");
    const all = new URLSearchParams({ model, part: this.chosen,
      state: ["random", "start"].includes(state) ? state : "trained", ...query });
    const answer = await request(this.link, "GET", `/network/${path}?${all}`, undefined, PATIENCE);
    if (turn !== this.turn) throw new DOMException("something else is chosen", "AbortError");
    return answer;
  }

  async #fill() {
    const { part, turn } = this;
    part.none.hidden = true;
    part.layers.replaceChildren();
    part.maps.replaceChildren();
    part.filterlist.replaceChildren();
    say(part.about, "Opening the network. The first time it takes some seconds.");
    try {
      this.told = await this.#ask("layers");
      this.root.dataset.layers = String(this.told.layers.length);
      say(part.about, aboutText(this.told, this.model));
      await { units: () => this.#units(), filters: () => this.#filters(), image: () => this.#image() }[this.view]();
      this.root.dataset.ready = "1";
    } catch (error) {
      if (turn !== this.turn) return;
      part.none.hidden = false;
      say(part.none, sentence(error.message));
      say(part.about, "");
      this.root.dataset.ready = "1";
    }
  }

  // -- units -----------------------------------------------------------------------------------

  async #units() {
    const { part, told } = this;
    const count = told.layers.filter((layer) => layer.key !== CLASSES).length;
    this.changes = new Map();
    this.rows = told.layers.map((layer, place) => {
      const row = { layer, units: [], list: element("ul", { className: "tiles" }),
        words: element("p", { className: "soft" }), title: layerTitle(layer, place, count) };
      row.list.append(...Array.from({ length: Math.min(FEW, layer.units) }, waiting));
      row.more = element("button", { type: "button", className: "more", textContent: "More units" });
      row.more.dataset.more = layer.key;
      row.more.hidden = true;
      row.node = element("li", {}, element("h3", { textContent: row.title }),
        element("p", { className: "soft", textContent: layerText(layer, told.side) }), row.words, row.list, row.more);
      return row;
    });
    part.layers.replaceChildren(...this.rows.map((row) => row.node));
    const begin = performance.now();
    const about = aboutText(told, this.model);
    for (const [place, row] of this.rows.entries()) {
      const seconds = (performance.now() - begin) / 1000;
      say(part.about, `${about} ${restText(place, this.rows.length, seconds)}`);
      await this.#addUnits(row, { count: FEW });
    }
    say(part.about, about);
    if (this.beside) await this.#compare(about);
  }

  async #compare(about) {
    const { part, beside } = this;
    const state = ["random", "start"].includes(beside) ? beside : "trained";
    const other = { with: state === "trained" ? beside : String(this.model?.model ?? ""), with_state: state };
    say(part.about, `${about} Setting ${besideName(beside)} beside it.`);
    const { layers } = await this.#ask("compare", other);
    this.changes = new Map(layers.map((one) => [one.key, one]));
    for (const row of this.rows) this.#drawRow(row);
    say(part.about, about);
  }

  // Ask for units of a layer, and then for the images that are made for them.
  async #addUnits(row, query) {
    const { layer } = row;
    const { units } = await this.#ask("units", { layer: layer.key, ...query });
    row.units.push(...units);
    this.#drawRow(row);
    const numbers = units.map((unit) => unit.unit);
    if (!numbers.length) return;
    const answer = await this.#ask("pictures", { layer: layer.key, units: numbers.join(",") });
    units.forEach((unit, i) => { unit.png = answer.pictures[i]; });
    this.#drawRow(row);
  }

  #drawRow(row) {
    const { layer, units } = row;
    const change = this.changes.get(layer.key);
    const focus = this.root.getRootNode().activeElement?.dataset;
    row.list.replaceChildren(...units.map((unit) => tile(unit, layer, this.nameOf, unit.png, change?.same[unit.unit])));
    if (!units.length) {
      row.list.append(element("li", { className: "silent", textContent: "Every unit answers to all of these images alike." }));
    }
    if (focus?.layer === layer.key) row.list.querySelector(`[data-unit="${focus.unit}"]`)?.focus();
    if (this.open?.layer === layer.key) {
      row.list.querySelector(`[data-unit="${this.open.unit}"]`)?.setAttribute("aria-expanded", "true");
    }
    say(row.words, [concreteText(units), changeText(change, this.beside)].filter(Boolean).join(" "));
    row.more.hidden = !units.length || units.length >= layer.units || layer.key === CLASSES;
    say(row.more, `More of ${plural(layer.units, "unit")}`);
  }

  async #more(key) {
    const row = this.rows.find((one) => one.layer.key === key);
    const there = new Set(row.units.map((unit) => unit.unit));
    const next = Array.from({ length: row.layer.units }, (_, i) => i).filter((i) => !there.has(i)).slice(0, MORE);
    row.more.disabled = true;
    say(row.more, "Computing");
    await this.#safely(row.words, () => this.#addUnits(row, { units: next.join(",") }));
    row.more.disabled = false;
    this.#drawRow(row);
  }

  // Open one unit below its row, or close it.
  async #unit(key, number) {
    const row = this.rows.find((one) => one.layer.key === key);
    const same = this.open?.layer === key && this.open?.unit === number;
    this.root.querySelector(".unit")?.remove();
    this.root.querySelector("[data-unit][aria-expanded=true]")?.setAttribute("aria-expanded", "false");
    this.open = same ? null : { layer: key, unit: number };
    if (same) return;
    const unit = row.units.find((one) => one.unit === number);
    const name = unitName(unit, row.layer, this.nameOf);
    const panel = element("section", { className: "unit" });
    panel.setAttribute("aria-label", `${name} of ${row.title}`);
    const words = element("p", { className: "soft" });
    words.setAttribute("role", "status");
    panel.append(element("h4", { className: "unittitle", textContent: `${sentence(name).slice(0, -1)} of ${row.title.toLowerCase()}` }), words);
    panel.append(large(`In ${this.model ? `model ${this.model.model}` : "the extractor"}`, unit, row.layer, this.nameOf, unit.png));
    row.list.after(panel);
    row.list.querySelector(`[data-unit="${number}"]`)?.setAttribute("aria-expanded", "true");
    const change = this.changes.get(key);
    if (!change) {
      say(words, "The outline is what the strongest place sees. Press an image to follow it through all layers.");
      return;
    }
    say(words, pairText(change, number, this.beside));
    await this.#safely(words, () => this.#other(panel, row, number));
  }

  async #other(panel, row, number) {
    const query = { layer: row.layer.key, units: String(number) };
    const { units: [unit] } = await this.#ask("units", query, this.beside);
    const { pictures: [png] } = await this.#ask("pictures", query, this.beside);
    panel.append(large(`The same with ${besideName(this.beside)}`, unit, row.layer, this.nameOf, png));
  }

  async #safely(words, work) {
    try {
      await work();
    } catch (error) {
      if (error.name !== "AbortError" || this.stop.signal.aborted) say(words, sentence(error.message));
    }
  }

  // -- the other views -------------------------------------------------------------------------

  async #filters() {
    const { part, beside } = this;
    const told = await this.#ask("filters");
    const other = beside ? await this.#ask("filters", {}, beside) : null;
    const words = `${plural(told.of, "filter")} of ${told.height} × ${told.width} pixels: grey is 0, each by its own strongest weight.`;
    const same = other?.filters.every((png, i) => png === told.filters[i]);
    const below = other ? ` Below each is the one in its place of ${besideName(beside)}${same ? ": all are the same, so training leaves them as they are" : ""}.` : "";
    say(part.filterwords, words + below);
    part.filterlist.replaceChildren(...told.filters.map((png, i) => element("li", {},
      made(png, `Filter ${i}`), ...other ? [made(other.filters[i], `Filter ${i} of ${besideName(beside)}`)] : [],
      element("span", { className: "soft", textContent: String(i) }))));
  }

  async #image() {
    const { part, told } = this;
    const answer = await this.#ask("maps", this.wish.item ? { item: this.wish.item } : {});
    this.around = answer;
    Object.assign(part.subject, { src: answer.small, alt: answer.name });
    say(part.subjectname, answer.name);
    const count = answer.layers.length;
    part.maps.replaceChildren(...answer.layers.map((one, place) => {
      const layer = told.layers.find((other) => other.key === one.key);
      return element("li", {}, element("h3", { textContent: layerTitle(layer, place, count) }),
        element("p", { className: "soft", textContent: layerText(layer, told.side) }),
        element("ul", { className: "mapsrow" }, ...one.maps.map((png, i) => element("li", {},
          made(png, `Where unit ${one.units[i]} answers`),
          element("span", { className: "soft", textContent: `unit ${one.units[i]}` })))));
    }));
  }

  // -- what a person does ----------------------------------------------------------------------

  #click(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const { view, unit, layer, more, item } = button.dataset;
    if (view) this.#go({ view });
    else if (more) this.#more(more);
    else if (unit !== undefined) this.#unit(layer, Number(unit));
    else if (item) this.#go({ view: "image", item });
    else if (button.dataset.do) this.#go({ item: String(this.around[button.dataset.do]) });
  }

  #go(wish) {
    Object.assign(this.wish, wish);
    this.open = null;
    this.#begin();
  }

  // What is shown stands in the address, so that a link restores it.
  #keep() {
    const address = new URL(location.href);
    const kept = { model: this.wish.model, part: this.wish.part, beside: this.beside,
      view: this.view === "units" ? "" : this.view, item: this.view === "image" ? this.wish.item : "" };
    for (const [name, value] of Object.entries(kept)) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    history.replaceState(history.state, "", address);
  }
}

export default mounting(".network", (root, data) => new Microscope(root, data));
