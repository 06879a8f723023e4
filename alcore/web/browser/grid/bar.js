// What stands around the tiles of the grid: which images are wanted, and what to do with them.

import { drawOptions, element, picture, say } from "../shared/dom.js";
import { gettext } from "../shared/language.js";
import { MetadataFilter } from "../shared/metadata.js";
import { number } from "../shared/text.js";

const SIZES = [12, 20, 30, 40, 50]; // tiles
const FIRST_SIZE = 30;

export class Bar {
  // order: {class, first, count, like}, which the fields write; wanted(): it has changed.
  constructor(link, wanted, signal) {
    this.order = { class: null, first: "sure", count: FIRST_SIZE, like: null };
    const [pickField, pick] = field(gettext("Predicted class"));
    const [firstField, first] = field(gettext("First"));
    const [sizeField, size] = field(gettext("Images"));
    drawOptions(first, [["sure", gettext("most certain")], ["doubtful", gettext("most doubtful")]], "sure");
    drawOptions(size, SIZES.map((n) => [n, String(n)]), String(FIRST_SIZE));
    Object.assign(this, { pick, first });
    this.like = picture({ className: "like", alt: gettext("The image that these are like"), hidden: true });
    this.known = new MetadataFilter(link, {}, wanted, signal);
    this.head = element("div", { className: "gridbar" }, this.like, pickField, firstField, sizeField,
      ...this.known.nodes);
    this.note = element("p", { className: "note gridnote" });
    this.note.setAttribute("role", "status");
    this.go = button(gettext("Label"), gettext("Label all that are not excluded"), { grid: "label" }, "⏎");
    this.go.classList.add("go");
    this.flipper = button(gettext("Exclude all"), "Ctrl+A", { grid: "all" });
    this.back = button(gettext("Undo lot"), gettext("Take back the last lot"), { do: "undo" }, "⌫");
    this.foot = element("div", { className: "gridacts", role: "group" }, this.go, this.flipper,
      button(gettext("Others"), gettext("Give these back and show others"), { grid: "others" }),
      button(gettext("Like this"), gettext("More images like the one in hand"), { do: "similar" }, "L"),
      this.back, button(gettext("Back"), gettext("Back to single images"), { do: "grid" }, "G"));
    this.foot.setAttribute("aria-label", gettext("What to do with the lot"));
    const listen = (select, write) => select.addEventListener("change", () => {
      write(select.value);
      wanted();
    }, { signal });
    listen(pick, (value) => { this.order.class = value ? Number(value) : null; });
    listen(first, (value) => { this.order.first = value; });
    listen(size, (value) => { this.order.count = Number(value); });
  }

  say(text) {
    say(this.note, text);
  }

  // counts: [{class, open}], how many images the model takes for each.
  drawChoices(classes, counts) {
    const { order } = this;
    const open = new Map(counts.map((c) => [c.class, c.open]));
    drawOptions(this.pick, [["", gettext("Fewest labels first")], ...classes.map((c) => (
      [c.id, `${c.name} (${number(open.get(c.id) ?? 0)})`]))], String(order.class ?? ""));
    this.pick.disabled = this.first.disabled = Boolean(order.like);
    this.like.hidden = !order.like;
    if (order.like) this.like.src = order.like.src;
  }

  // choice: the class that the images are taken for; inside: how many are not excluded.
  drawActions(choice, inside, all, undoable) {
    say(this.go.firstElementChild, choice && inside
      ? gettext("Label {n} as {name}", { n: inside, name: choice.name })
      : gettext("{n} chosen", { n: inside }));
    this.go.disabled = !choice || !inside;
    say(this.flipper, all && !inside ? gettext("Include all") : gettext("Exclude all"));
    this.flipper.disabled = !all;
    this.back.disabled = !undoable;
  }
}

function field(label) {
  const select = element("select");
  select.setAttribute("aria-label", label);
  return [element("label", {}, element("span", { textContent: label }), select), select];
}

// what: {do: …}, an action of the board, or {grid: …}, one of the grid.
function button(text, title, what, key = "") {
  const node = element("button", { type: "button", title }, element("span", { textContent: text }),
    ...(key ? [element("kbd", { textContent: key })] : []));
  Object.assign(node.dataset, what);
  return node;
}
