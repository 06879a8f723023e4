// What stands beside and below the plot: the legend, the selection, the list, two strategies.

import { drawOptions, element, say } from "../shared/dom.js";
import { request } from "../shared/requests.js";
import { number, plural, sentence } from "../shared/text.js";
import { PALE, shade } from "./colours.js";
import { inView, tileOf } from "./thumbs.js";

const PAGE = 36; // images of the list
const MOST_IN_VIEW = 5000; // images in view that the list goes through

export function drawLegend(map) {
  const { part, scene } = map;
  const { legend, counts, off } = scene;
  const rows = legend.ramp ? [ramp(legend)] : legend.names
    .map((name, value) => [name, value, counts[value]])
    .filter(([, value, count]) => count || (legend.names.length <= 30 && value < legend.own))
    .map(([name, value, count]) => row(name, value, count, legend.colours[value], off.has(value)));
  if (counts[PALE]) rows.push(row(legend.none ?? "none", PALE, counts[PALE], null, off.has(PALE)));
  part.legend.replaceChildren(...rows);
}

function row(name, value, count, colour, off) {
  const mark = element("i");
  mark.style.setProperty("--swatch", colour ? `rgb(${colour.join(" ")})` : "#888");
  const show = element("button", { type: "button", className: "show", title: `Show or hide ${name}` },
    mark, element("span", { textContent: name }), element("b", { textContent: number(count) }));
  show.dataset.show = value;
  show.setAttribute("aria-pressed", String(!off));
  show.setAttribute("aria-label", `${name}, ${plural(count, "image")}, ${off ? "hidden" : "shown"}`);
  const pick = element("button", { type: "button", className: "pick", textContent: "Select" });
  pick.dataset.pick = value;
  pick.setAttribute("aria-label", `Select ${name}`);
  return element("li", {}, show, pick);
}

function ramp(legend) {
  const bar = element("i");
  const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => `rgb(${shade(share).join(" ")})`);
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  return element("li", { className: "ramp" }, bar,
    element("p", {}, ...legend.ramp.map((text) => element("span", { textContent: text }))));
}

export function drawPicked(map) {
  const { part, scene } = map;
  const { count } = scene;
  say(part.picked, count ? `${plural(count, "image")} selected` : "Nothing selected");
  for (const button of part.acts.querySelectorAll("button")) {
    button.disabled = !count && !(button.dataset.do === "only" && scene.only);
  }
  const only = part.acts.querySelector("[data-do=only]");
  only.setAttribute("aria-pressed", String(Boolean(scene.only)));
  say(only, scene.only ? "Show all again" : "Show only these");
  part.export.hidden = !map.status?.owns;
}

export class List {
  constructor(map) {
    this.map = map;
    this.from = 0;
  }

  // The points of the list: what is selected, else what is in view.
  draw() {
    const { part, scene, view, pictures } = this.map;
    const picked = scene.count > 0;
    say(part.listtitle, picked ? "Selected images, as a list" : "Images in view, as a list");
    if (!part.list.open) return;
    const points = picked ? scene.selection() : inView(scene, view, MOST_IN_VIEW);
    this.from = Math.min(this.from, Math.max(0, PAGE * (Math.ceil(points.length / PAGE) - 1)));
    const page = points.slice(this.from, this.from + PAGE);
    const focus = this.map.root.getRootNode().activeElement?.dataset?.point;
    part.tiles.replaceChildren(...page.map((i) => tileOf(i, scene, pictures)));
    if (focus) part.tiles.querySelector(`[data-point="${focus}"]`)?.focus();
    const more = !picked && points.length >= MOST_IN_VIEW ? " or more" : "";
    say(part.range, points.length ? `${number(this.from + 1)}–${number(this.from + page.length)} of `
      + `${number(points.length)}${more}` : "No images here");
    part.list.querySelector("[data-do=before]").disabled = this.from === 0;
    part.list.querySelector("[data-do=after]").disabled = this.from + PAGE >= points.length;
  }

  turn(pages) {
    this.from = Math.max(0, this.from + pages * PAGE);
    this.draw();
  }
}

// Two strategies beside each other.
export class Compare {
  constructor(map, strategies) {
    this.map = map;
    this.batches = [null, null];
    const options = strategies.map((s) => [s.name, s.name]);
    const { first, second } = map.part;
    drawOptions(first, options, "margin");
    drawOptions(second, options, strategies.some((s) => s.name === "k-center") ? "k-center" : "random");
  }

  async ask() {
    const { part, link, scene } = this.map;
    const of = [[part.first, part.firsttext], [part.second, part.secondtext]];
    const rows = new Map([...scene.columns.ids].map((id, i) => [id, i]));
    await Promise.all(of.map(async ([select, text], side) => {
      say(text, "Asking.");
      this.batches[side] = null;
      try {
        const answer = await request(link, "POST", "/map/batch", { strategy: select.value }, 70);
        const points = answer.items.map((id) => rows.get(id)).filter((i) => i !== undefined);
        this.batches[side] = points;
        say(text, `${select.value} would ask about these ${points.length} of model ${answer.model}.`);
      } catch (error) {
        say(text, sentence(error.message));
      }
    }));
    const [a, b] = this.batches;
    if (a && b) {
      const both = a.filter((i) => b.includes(i)).length;
      say(part.secondtext, `${part.secondtext.textContent} `
        + `${both ? `${plural(both, "image")} both would ask about.` : "None is in both."}`);
    }
    this.map.over.marks = [a ?? [], b ?? []];
    this.draw();
    this.map.paint();
  }

  draw() {
    const { part, scene, pictures } = this.map;
    [part.firsttiles, part.secondtiles].forEach((node, side) => {
      node.replaceChildren(...(this.batches[side] ?? []).map((i) => tileOf(i, scene, pictures)));
    });
  }
}
