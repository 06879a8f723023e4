// The labeling board: what an action does, and what is drawn after it. One Board lives as long as
// its place in the page.

import { renewPictures } from "../shared/addresses.js";
import { ClassButtons, byPosition, drawActionKeys } from "../shared/classes.js";
import { partsOf, say } from "../shared/dom.js";
import { clientId, scopeOf } from "../shared/ids.js";
import { Keyboard, bindKeys } from "../shared/keys.js";
import { gettext, said } from "../shared/language.js";
import { mounting } from "../shared/mount.js";
import { Pixels } from "../shared/pixels.js";
import { request } from "../shared/requests.js";
import { ClassSearch } from "../shared/search.js";
import { sentence } from "../shared/text.js";
import { Toast } from "../shared/toast.js";
import { Grid } from "../grid/grid.js";
import { WhyPanel } from "../why/panel.js";
import { About } from "./about.js";
import { Answers } from "./answers.js";
import { Delivery } from "./delivery.js";
import { Feed } from "./feed.js";
import { drawGuidelines } from "./guidelines.js";
import { closeHint, drawKeys, openKeys, outgrowHint, showHint } from "./help.js";
import { History } from "./history.js";
import { listen, listenToWho } from "./input.js";
import { Light } from "./light.js";
import { NewClass } from "./newclass.js";
import { kindText } from "./reasons.js";
import { Remarks } from "./remarks.js";
import { drawStatus, drawWho } from "./side.js";
import { Stage } from "./stage.js";
import { drawStrip } from "./strip.js";
import { Visits } from "./visits.js";
import { Zoom } from "./zoom.js";

const FAST = 1000; // milliseconds between status requests while a job runs
const CALM = 2500;
const FOLLOWING = 250; // until the queue has followed an answer, in instant mode

// What a student's board leaves out: it needs more than the right to label.
const PLAIN = new Set(["grid", "similar", "explain", "comment", "doubt", "class", "help"]);

export class Board {
  // trigger("choose", wish) tells the page that a person wants another name.
  constructor(root, data, trigger) {
    this.root = root;
    this.part = partsOf(root);
    this.scope = scopeOf(data);
    this.classes = [];
    this.byId = new Map();
    this.keyboard = new Keyboard();
    this.buttons = new ClassButtons(this.part.classes);
    this.toast = new Toast(this.part.toast);
    this.status = null;
    this.stale = new Set(); // what is to be drawn after the next frame
    this.stop = new AbortController();
    this.history = new History();
    this.delivery = new Delivery(this, this.scope,
      { base: data.base, ticket: data.ticket, client: data.client || clientId() });
    this.link = this.delivery.link;
    renewPictures(root, this.link, this.stop.signal);
    this.feed = new Feed(this.link, (event, detail) => this.#fed(event, detail));
    this.feed.blocked = (item) => this.delivery.ops.some(
      (op) => (op.kind === "answer" && op.body.item === item)
        || (op.kind === "lot" && op.body.tiles.some((tile) => tile.item === item)));
    this.stage = new Stage(root, this.part, () => this.#emptyText());
    this.visits = new Visits(this);
    this.about = new About(this);
    this.answers = new Answers(this);
    this.zoom = new Zoom(this.part.stage, this.part.canvas, this.doButton("zoom"),
      () => this.stage.showWhole(), this.stop.signal);
    this.light = new Light(this.part, this.doButton("light"), data.project, this.stop.signal);
    this.pixels = new Pixels(root, data.project, (hard) => { this.part.pixels.checked = hard; });
    this.part.pixels.addEventListener("change", () => this.pixels.toggle(),
      { signal: this.stop.signal });
    this.remarks = new Remarks(this, this.stop.signal);
    this.why = new WhyPanel({ host: this.part.explanation, frame: this.part.canvas,
      link: this.link, names: this, seen: (item) => this.about.explained.add(item) },
    this.stop.signal);
    this.search = new ClassSearch(this.part,
      (choice, pressed) => this.act({ do: "label", class: choice }, pressed), this.stop.signal);
    this.newClass = new NewClass(this, this.stop.signal);
    this.grid = new Grid(this, this.stop.signal);
    this.update(data, trigger);
    listen(this, this.stop.signal);
    listenToWho(this, this.stop.signal);
    this.stage.fit();
    showHint(this.part.hint);
    this.paint();
    this.feed.fill(true);
    this.#poll();
    this.#loadHistory();
    const selection = new URLSearchParams(location.search).get("selection");
    if (/^\d{1,15}$/.test(selection ?? "")) this.grid.open(null, Number(selection));
  }

  // New data from Streamlit after a rerun.
  update(data, trigger) {
    this.data = data;
    this.choose = (wish) => trigger("choose", wish);
    this.delivery.freshTicket(data.ticket);
    this.#setClasses(data.classes, data.keys);
    drawGuidelines(this.part, data.guidelines, this.classes, (c) => this.colour(c));
    this.root.dataset.annotator = data.annotator;
    drawWho(this.part, data);
    if (data.remember) {
      const year = 365 * 86400;
      document.cookie = `alcore_annotator=${encodeURIComponent(data.annotator)}; path=/; `
        + `max-age=${year}; SameSite=Lax`;
    }
  }

  destroy() {
    this.stop.abort();
    this.feed.ended = true;
    this.feed.leave();
    clearTimeout(this.timer);
    this.visits.stop();
    this.delivery.leave();
  }

  // -- what comes in ---------------------------------------------------------------------------

  delivered(op, answer) {
    if (op.kind === "answer") {
      this.feed.fill();
      this.history.saved(op.body.key);
      if (this.status?.until_next != null && this.status.until_next <= this.delivery.fresh()) {
        this.#pollSoon(250);
      }
    } else if (op.kind === "undo") {
      const image = this.feed.images.find((i) => i.token === op.body.token);
      if (image) Object.assign(image, { confirmed: true, expires_in: answer.image?.expires_in });
    } else if (op.kind === "comment") {
      return;
    } else {
      this.grid.delivered(op, answer);
    }
    if (op.kind !== "answer") this.history.changed();
    if (this.status?.follows) this.#pollSoon(FOLLOWING);
    this.drawStrip();
    // An undone change brings back the answer before it.
    if ((op.adopted || op.kind !== "answer") && !this.delivery.ops.length) this.#loadHistory();
  }

  // The server will never take this one.
  refused(op, error) {
    if (op.kind === "answer") {
      this.history.drop(op.body.key);
      // Others of our images may be gone too.
      this.feed.fill(true);
      const name = this.byId.get(op.body.class)?.name;
      this.toast.show(error.kind === "LeaseExpired" ? tooLate(name)
        : gettext("An answer was not counted. {reason}", { reason: sentence(error.message) }));
    } else {
      this.toast.show(sentence(error.message));
    }
    if (op.kind === "lot" || op.kind === "unlot") this.grid.refused(op);
    if (op.kind === "undo") {
      this.feed.images = this.feed.images.filter((i) => i.token !== op.body.token);
      this.paint();
      this.feed.fill();
      this.#loadHistory();
    }
    this.drawStrip();
  }

  #fed(event, detail) {
    if (event === "failed" && detail.status === 401) this.delivery.lock(detail);
    if (event === "lost" && detail === this.stage.image) {
      this.toast.show(gettext("This image went to somebody else meanwhile. Here is another one."));
    }
    if (event === "mended") this.stage.mended(detail);
    this.paint();
  }

  async #poll() {
    clearTimeout(this.timer);
    if (this.stop.signal.aborted) return;
    if (!document.hidden && !this.delivery.locked) {
      this.feed.tick(performance.now());
      const before = this.delivery.counted;
      try {
        const client = encodeURIComponent(this.link.client);
        this.status = await request(this.link, "GET", `/status?client=${client}`);
        if (this.stop.signal.aborted) return;
        this.delivery.counted -= before;
        this.delivery.freshTicket(this.status.ticket);
        this.#setClasses(this.status.classes, this.status.keys);
        this.root.dataset.model = this.status.model ?? "";
        if (this.status.ranking !== this.feed.ranking) {
          this.feed.ranked(this.status.ranking);
          this.paint();
        }
        this.drawStatus();
      } catch (error) {
        if (error.status === 401) this.delivery.lock(error);
      }
    }
    this.#pollSoon(this.status?.job && this.status.job.state !== "failed" ? FAST : CALM);
  }

  #pollSoon(pause) {
    clearTimeout(this.timer);
    if (!this.stop.signal.aborted) this.timer = setTimeout(() => this.#poll(), pause);
  }

  async #loadHistory() {
    const client = encodeURIComponent(this.link.client);
    const asked = performance.now();
    const answer = await request(this.link, "GET", `/history?client=${client}&n=12`)
      .catch(() => null);
    if (!answer || this.stop.signal.aborted) return;
    if (this.history.merge(answer.events, asked, this.delivery.ops)) this.drawStrip();
    else this.#loadHistory();
  }

  // A tab in the background loads nothing and its time does not count.
  visibility() {
    if (document.hidden) {
      this.stage.pause();
      return;
    }
    this.stage.resume();
    this.feed.fill(true);
    this.delivery.outbox.wake();
    this.#pollSoon(0);
  }

  // -- actions ---------------------------------------------------------------------------------

  // Do what a key or button asks for; pressed: when, in milliseconds of the page.
  act(action, pressed) {
    if (this.data.plain && PLAIN.has(action.do)) return undefined;
    if (this.grid.isOpen && !this.overlaid && this.grid.act(action)) return undefined;
    switch (action.do) {
      case "label": return this.answers.give("label", action.class, pressed);
      case "skip": case "unsure": return this.answers.give(action.do, null, pressed, action.note);
      case "doubt": case "comment": return this.remarks.open(action.do);
      case "undo": return this.answers.undo();
      case "older": return this.visits.step(-1);
      case "newer": return this.visits.step(1);
      case "accept": return this.answers.accept(pressed);
      case "zoom": return this.zoom.next();
      case "light": return this.light.toggle();
      case "plain": return this.light.reset();
      case "pixels": return this.pixels.toggle();
      case "grid": return this.grid.toggle();
      case "similar": return this.grid.similar();
      case "why": case "suggestion": return this.about.toggle(action.do);
      case "explain": return this.#explain();
      case "search": return this.search.open(this.classes);
      case "class": return this.newClass.toggle();
      case "help": return openKeys(this.part.help, this.part.help.hidden);
      case "hint": return closeHint(this.part.hint);
      case "close": return this.#close();
      default: return undefined;
    }
  }

  #explain() {
    this.why.toggle();
    this.doButton("explain").setAttribute("aria-pressed", String(this.why.isOpen));
  }

  // Whether something lies over the board that keys belong to.
  get overlaid() {
    return !this.part.help.hidden || this.search.isOpen;
  }

  #close() {
    if (!this.part.help.hidden) openKeys(this.part.help, false);
    else if (this.search.isOpen) this.search.close();
    else if (this.remarks.isOpen) this.remarks.close();
    else if (this.newClass.isOpen) this.newClass.close();
    else if (this.light.isOpen) this.light.toggle(false);
    else if (this.visits.image) this.visits.end();
    else this.zoom.set(1);
  }

  // -- drawing ---------------------------------------------------------------------------------

  // Put on screen what belongs there; pressed is when the key was pressed that asked for it.
  paint(pressed = null) {
    const changed = this.stage.show(this.visits.image ?? this.feed.first, pressed);
    if (!changed) return;
    this.remarks.left();
    this.zoom.set(1);
    this.about.draw();
    this.why.show(this.stage.image?.item);
  }

  // After labels came or went.
  drawCounts() {
    this.drawStrip();
    this.#later("status");
  }

  // Draw what stands beside the image once, and after the frame that shows the next image.
  #later(what) {
    if (!this.stale.size) {
      requestAnimationFrame(() => setTimeout(() => {
        const { stale } = this;
        this.stale = new Set();
        if (stale.has("strip")) this.#drawStrip();
        if (stale.has("status")) this.drawStatus();
      }));
    }
    this.stale.add(what);
  }

  #emptyText() {
    if (this.feed.waiting) return said(this.feed.waiting.reason);
    if (!this.feed.failures) return gettext("Loading images.");
    return this.feed.reason
      ? gettext("{reason} Trying again.", { reason: sentence(this.feed.reason) })
      : gettext("The server does not answer. Trying again.");
  }

  // Old buttons stay where they are; new classes are appended.
  #setClasses(classes, layout) {
    const version = JSON.stringify([classes, layout]);
    if (version === this.classesVersion) return;
    this.classesVersion = version;
    const first = !this.classes.length || this.newClass.isOpen;
    this.classes = byPosition(classes);
    this.byId = new Map(this.classes.map((c) => [c.id, c]));
    this.keys = bindKeys(layout, this.byId);
    this.buttons.set(this.classes, layout.classes, (c) => this.colour(c));
    this.newClass.draw(this.data.adds);
    if (first) {
      this.part.classes.style.setProperty("--columns",
        String(Math.min(5, this.classes.length || 1)));
      this.part.classes.classList.toggle("many", this.buttons.isMany);
    }
    this.part.find.hidden = !layout.actions.search;
    drawActionKeys(this.root, layout.actions);
    drawKeys(this.part.keys, this.classes, layout);
    this.drawStrip();
    this.about.draw();
  }

  // Somebody here has added a class.
  added({ classes, keys }) {
    this.#setClasses(classes, keys);
    say(this.part.live, gettext("{name} is a class now.", { name: this.classes.at(-1).name }));
  }

  // The colour of a class, or of the class of an id.
  colour(which) {
    const { colours } = this.data;
    const c = this.byId.get(which) ?? which;
    return c.colour ?? colours?.[c.position % colours.length] ?? "var(--st-primary-color)";
  }

  // What a history entry says.
  answerOf(entry) {
    return entry.kind === "label" ? this.nameOf(entry.class) ?? "?" : kindText(entry.kind);
  }

  nameOf(id) {
    return this.byId.get(id)?.name;
  }

  drawStatus() {
    drawStatus(this.part, this.status, this.delivery.fresh());
    outgrowHint(this.part.hint, (this.status?.mine_today ?? 0) + this.delivery.fresh());
    if (!this.about.show.why) this.about.draw(false);
  }

  drawStrip() {
    this.#later("strip");
  }

  #drawStrip() {
    const here = this.visits.image ? this.history.entries.indexOf(this.visits.image.entry) : -1;
    drawStrip(this.part.strip, this.history.entries, here, this.byId,
      (c) => this.colour(c), (entry) => this.visits.go(entry));
  }

  doButton(what) {
    return this.root.querySelector(`.actions [data-do=${what}]`);
  }
}

const tooLate = (name) => (name
  ? gettext("Your answer “{name}” came too late and was not counted: the image went to somebody else.",
    { name })
  : gettext("Your answer came too late and was not counted: the image went to somebody else."));

export default mounting(".board", (root, data, trigger) => new Board(root, data, trigger));
