// The labeling board: what is on screen, what keys and buttons do. One Board lives as long as its
// place in the page; Streamlit calls the default export again on each rerun with new data.

const FAST = 1000; // milliseconds between status requests while a job runs
const CALM = 2500;
const DOUBLE_CLICK = 250; // milliseconds within which a second click is the same one
const RING = 500;
const REVISIT_AFTER = 120; // milliseconds: stepping through the history leases nothing on the way

const probe = (window.alcore ??= { painted: [], acknowledged: [], pressed: [] });

function record(list, entry) {
  list.push(entry);
  if (list.length > RING) list.shift();
}

const outboxes = new Map(); // scope -> {outbox, board}: delivery goes on after the board is gone

class Board {
  // choose: tells the page that a person wants another project or name.
  constructor(root, data, choose) {
    this.root = root;
    this.part = Object.fromEntries(
      [...root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
    this.link = { base: data.base, ticket: data.ticket, client: data.client || clientId() };
    this.scope = scopeOf(data);
    this.classes = [];
    this.buttons = new Map();
    this.trail = new Trail();
    this.visit = null; // an answered image on screen again
    this.onScreen = null;
    this.painted = false;
    this.saved = 0;
    this.counted = 0; // labels acknowledged and not undone, for the status in between
    this.status = null;
    this.whys = new Map();
    this.show = { why: false, suggestion: false };
    this.stop = new AbortController();
    this.zoom = new Zoom(this.part.stage, this.part.canvas, this.#doButton("zoom"),
      this.stop.signal);
    this.search = new ClassSearch(this.part,
      (chosen, pressed) => this.#answer("label", chosen, pressed), this.stop.signal);

    this.feed = new Feed(this.link, (event, detail) => this.#fed(event, detail));
    this.feed.blocked = (item) => this.outbox.ops.some(
      (op) => op.kind === "answer" && op.body.item === item);
    this.#attachOutbox();
    this.update(data, choose);
    this.#listen();
    this.#fit();
    showHint(this.part.hint);
    this.#paint();
    this.feed.fill(true);
    this.#poll();
    this.#loadHistory();
  }

  // New data from Streamlit after a rerun.
  update(data, choose) {
    this.data = data;
    this.choose = choose;
    this.#freshTicket(data.ticket);
    this.#setClasses(data.classes);
    const { text } = data.guidelines;
    this.part.guidelines.hidden = !text;
    say(this.part.guidetext, text);
    this.#setWho(data);
    if (data.remember) {
      const year = 365 * 86400;
      document.cookie = `alcore_annotator=${encodeURIComponent(data.annotator)}; path=/; `
        + `max-age=${year}; SameSite=Lax`;
    }
  }

  #setWho({ project, projects = [], annotator }) {
    this.root.dataset.annotator = annotator;
    this.part.name.value = annotator;
    this.part.projectfield.hidden = projects.length < 2;
    this.part.project.replaceChildren(...projects.map((p) => element("option", {
      value: String(p.id), textContent: p.name, selected: p.id === project,
    })));
  }

  destroy() {
    this.stop.abort();
    this.feed.ended = true;
    this.feed.leave();
    clearTimeout(this.timer);
    clearTimeout(this.visiting);
    if (this.mail.board === this) this.mail.board = null;
  }

  // -- delivery --------------------------------------------------------------------------------

  #attachOutbox() {
    let mail = outboxes.get(this.scope);
    if (!mail) {
      mail = { board: null, link: this.link };
      outboxes.set(this.scope, mail);
      mail.board = this;
      mail.outbox = new Outbox(this.scope, mail.link,
        (event, op, detail) => mail.board?.heard(event, op, detail));
    }
    this.mail = mail;
    mail.board = this;
    // One object for both, so that a fresh ticket reaches the outbox of an earlier board too.
    Object.assign(mail.link, this.link);
    this.link = this.feed.board = mail.link;
    this.outbox = mail.outbox;
  }

  heard(event, op, detail) {
    if (event === "done") this.#delivered(op, detail);
    if (event === "dropped") this.#refused(op, detail);
    if (event === "locked") this.#tooOld();
    this.#drawSaving();
  }

  #delivered(op, answer) {
    if (op.kind === "answer") {
      this.saved += 1;
      if (op.body.kind === "label" && !op.adopted) this.counted += 1;
      record(probe.acknowledged, { key: op.body.key, item: op.body.item, at: performance.now() });
      this.trail.saved(op.body.key);
      this.root.dataset.saved = String(this.saved);
      if (this.status?.until_next != null && this.status.until_next <= this.#fresh()) {
        this.#pollSoon(250);
      }
    } else {
      if (op.shown.kind === "label") this.counted -= 1;
      const image = this.feed.images.find((i) => i.token === op.body.token);
      if (image) Object.assign(image, { confirmed: true, expires_in: answer.image?.expires_in });
    }
    this.#drawStrip();
    // An undone change brings back the answer before it.
    if ((op.adopted || op.kind === "undo") && !this.outbox.ops.length) this.#loadHistory();
  }

  // The server will never take this one.
  #refused(op, error) {
    if (op.kind === "answer") {
      this.trail.drop(op.body.key);
      // Others of our images may be gone too.
      this.feed.fill(true);
      const name = this.byId.get(op.body.class)?.name;
      this.#toast(error.kind === "LeaseExpired"
        ? `Your answer${name ? ` “${name}”` : ""} came too late and was not counted: `
          + "the image went to somebody else."
        : `An answer was not counted. ${sentence(error.message)}`);
    } else {
      this.feed.images = this.feed.images.filter((i) => i.token !== op.body.token);
      this.#toast(sentence(error.message));
      this.#paint();
      this.feed.fill();
      this.#loadHistory();
    }
    this.#drawStrip();
  }

  #tooOld() {
    if (this.locked) return;
    this.locked = true;
    const reload = element("button", { type: "button", textContent: "Reload" });
    reload.addEventListener("click", () => location.reload());
    this.#toast("This page is old. Your answers are kept; please reload.", 0, reload);
    this.root.dataset.locked = "true";
  }

  #freshTicket(ticket) {
    if (!ticket || ticket === this.link.ticket) return;
    this.link.ticket = ticket;
    if (this.locked) {
      this.locked = false;
      delete this.root.dataset.locked;
      this.part.toast.hidden = true;
      this.outbox.wake();
      this.feed.fill(true);
    }
  }

  // -- what comes in ---------------------------------------------------------------------------

  #fed(event, detail) {
    if (event === "failed" && detail.status === 401) this.#tooOld();
    if (event === "lost" && detail === this.onScreen) {
      this.#toast("This image went to somebody else meanwhile. Here is another one.");
    }
    this.#paint();
  }

  async #poll() {
    clearTimeout(this.timer);
    if (this.stop.signal.aborted) return;
    if (!document.hidden && !this.locked) {
      this.feed.tick(performance.now());
      const before = this.counted;
      try {
        const client = encodeURIComponent(this.link.client);
        this.status = await request(this.link, "GET", `/status?client=${client}`);
        if (this.stop.signal.aborted) return;
        this.counted -= before;
        this.#freshTicket(this.status.ticket);
        this.#setClasses(this.status.classes);
        this.root.dataset.model = this.status.model ?? "";
        if (this.status.ranking !== this.feed.ranking) {
          this.feed.ranked(this.status.ranking);
          this.#paint();
        }
        this.#drawStatus();
      } catch (error) {
        if (error.status === 401) this.#tooOld();
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
    this.trail.merge(answer.events, asked, this.outbox.ops);
    this.#drawStrip();
  }

  // -- the image on screen ---------------------------------------------------------------------

  // Put on screen what belongs there; pressed is when the key was pressed that asked for it.
  #paint(pressed = null) {
    const image = this.visit ?? this.feed.first;
    if (image === this.onScreen && (image || this.part.empty.hidden === false)) {
      return image ? undefined : this.#drawEmpty();
    }
    this.#pause();
    this.onScreen = image;
    this.painted = false;
    this.root.dataset.item = "";
    this.zoom.set(1);
    if (!image) {
      this.part.canvas.replaceChildren();
      this.#drawEmpty();
    } else if (image.ready) {
      this.#swap(image, pressed);
    } else {
      this.part.canvas.replaceChildren();
      this.part.empty.hidden = true;
      image.loaded.then(() => {
        if (this.onScreen !== image) return;
        if (image.ready) this.#swap(image, pressed);
        else this.#drawEmpty();
      });
    }
    this.#drawAbout();
    return undefined;
  }

  #swap(image, pressed) {
    this.part.empty.hidden = true;
    this.part.canvas.replaceChildren(image.element);
    requestAnimationFrame(() => {
      // The frame that this callback belongs to is on its way once the next task runs.
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        channel.port1.close();
        if (this.onScreen !== image) return;
        this.painted = true;
        this.since = performance.now();
        this.root.dataset.item = String(image.item);
        record(probe.painted, { item: image.item, at: this.since, pressed });
      };
      channel.port2.postMessage(null);
    });
  }

  #pause() {
    if (this.onScreen && this.painted && this.since !== null) {
      this.onScreen.seen += performance.now() - this.since;
    }
    this.since = null;
  }

  #drawEmpty() {
    const image = this.onScreen;
    let text = "Loading images.";
    if (image?.broken) text = "This picture cannot be shown. Press Space to skip it.";
    else if (this.feed.waiting) text = this.feed.waiting.reason;
    else if (this.feed.failures) text = "The server does not answer. Trying again.";
    say(this.part.empty, text);
    this.part.empty.hidden = false;
  }

  // -- answers ---------------------------------------------------------------------------------

  #answer(kind, chosen, pressed) {
    const image = this.onScreen;
    const broken = kind === "skip" && image?.broken;
    if (!image?.token || this.locked || !(this.painted || broken)) return;
    this.#pause();
    const key = uuid();
    const suggested = this.show.suggestion && this.whys.get(image.item)?.suggestion?.length > 0;
    const body = {
      key, client: this.link.client, token: image.token, item: image.item, kind,
      class: chosen?.id ?? null, seconds: Math.round(image.seen) / 1000, at: Date.now() / 1000,
      suggestion_shown: suggested,
    };
    record(probe.pressed, { key, item: image.item, at: pressed });
    this.trail.add({
      key, item: image.item, src: image.src, kind, class: body.class, at: body.at, saved: false,
      image,
    });
    if (image === this.visit) {
      this.visit = null;
      this.feed.held.delete(image.token);
    }
    const taken = this.feed.images.indexOf(image);
    if (taken >= 0) this.feed.images.splice(taken, 1);
    this.#paint(pressed);
    this.outbox.push("answer", body, { kind });
    this.feed.fill();
    if (chosen) this.#flash(this.buttons.get(chosen.id));
    say(this.part.live, `${chosen ? chosen.name : kind}. Next image.`);
    this.#drawStrip();
    this.#drawStatus();
  }

  #undo() {
    if (this.locked) return;
    if (this.visit) this.#endVisit();
    const entry = this.trail.pop();
    if (!entry) {
      this.#toast("There is nothing to undo.");
      return;
    }
    const token = uuid();
    const again = { ranking: undefined, token, confirmed: false, seen: 0 };
    const image = entry.image?.ready
      ? { ...entry.image, ...again, visited: false }
      : this.feed.prepare({ item: entry.item, src: entry.src, round: null }, again);
    image.visited = true;
    image.answered = `Undone: it was ${this.#nameOf(entry)}.`;
    this.feed.putFirst(image);
    this.#paint(performance.now());
    this.outbox.push("undo", { key: uuid(), client: this.link.client, undoes: entry.key, token },
      { kind: entry.kind });
    say(this.part.live, `Undone: ${this.#nameOf(entry)}.`);
    this.#drawStrip();
    this.#drawStatus();
  }

  #nameOf(entry) {
    return entry.kind === "label" ? this.byId.get(entry.class)?.name ?? "?" : entry.kind;
  }

  // -- history ---------------------------------------------------------------------------------

  #step(by) {
    const to = this.trail.step(this.visit?.entry, by);
    if (to === null && this.visit) this.#endVisit();
    else if (to?.saved) this.#visitEntry(to);
  }

  #visitEntry(entry) {
    this.#leaveVisit();
    const image = this.feed.prepare({
      item: entry.item, src: entry.src, token: null, round: null,
    }, { visited: true, entry, answered: `Answered: ${this.#nameOf(entry)}. Esc goes back.` });
    this.visit = image;
    this.#paint(performance.now());
    clearTimeout(this.visiting);
    this.visiting = setTimeout(() => this.#lease(image), REVISIT_AFTER);
    this.#drawStrip();
  }

  async #lease(image) {
    try {
      const answer = await request(this.link, "POST", "/revisit", {
        client: this.link.client, item: image.item,
      });
      if (this.visit !== image) {
        this.feed.release([answer.image.token]);
        return;
      }
      Object.assign(image, { token: answer.image.token, current: answer.current });
      this.feed.held.add(image.token);
      this.#drawAbout();
    } catch (error) {
      if (this.visit !== image) return;
      this.#endVisit();
      this.#toast(error instanceof Refused ? sentence(error.message)
        : "No connection: this answer cannot be changed now.");
    }
  }

  #leaveVisit() {
    const token = this.visit?.token;
    clearTimeout(this.visiting);
    this.visit = null;
    if (!token) return;
    this.feed.held.delete(token);
    this.feed.release([token]);
  }

  #endVisit() {
    this.#leaveVisit();
    this.#paint(performance.now());
    this.#drawStrip();
  }

  // -- keys, buttons, wheel --------------------------------------------------------------------

  #listen() {
    const signal = this.stop.signal;
    // Before Streamlit's own shortcuts (R, C) see the key.
    window.addEventListener("keydown", (event) => this.#key(event), { capture: true, signal });
    this.root.addEventListener("click", (event) => this.#click(event), { signal });
    // A click leaves the focus alone: Space then means skip, and not this button once more.
    this.root.addEventListener("mousedown", (event) => {
      if (event.target.closest("input, select, label")) return;
      if (event.target.closest("button")) event.preventDefault();
      if (!this.root.contains(this.root.getRootNode().activeElement)) document.activeElement?.blur();
    }, { signal });
    this.part.project.addEventListener("change", () => {
      this.choose({ project: Number(this.part.project.value) });
    }, { signal });
    this.part.name.addEventListener("change", () => this.#rename(), { signal });
    this.part.name.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.part.name.value = this.data.annotator;
      if (event.key === "Enter" || event.key === "Escape") this.part.name.blur();
    }, { signal });
    document.addEventListener("visibilitychange", () => this.#visibility(), { signal });
    window.addEventListener("pagehide", () => this.feed.leave(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.feed.restart(),
      { signal });
    window.addEventListener("online", () => this.feed.fill(true), { signal });
    let width = innerWidth;
    window.addEventListener("resize", () => {
      // A phone's address bar changes the height while scrolling: the image stays as it is.
      if (this.#narrow() && innerWidth === width) return;
      width = innerWidth;
      this.#fit();
    }, { signal });
  }

  #rename() {
    const name = this.part.name.value.trim().replace(/\s+/g, " ");
    if (name && name !== this.data.annotator) this.choose({ annotator: name });
    else this.part.name.value = this.data.annotator;
  }

  #key(event) {
    if (isTyping(event)) return;
    const action = actionOf(event, this.keys);
    if (!action) return;
    const open = !this.part.help.hidden || this.search.isOpen;
    if (open && action.do !== "close" && action.do !== "help") return;
    if (isPressable(event) && (action.do === "skip" || action.do === "accept")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.#act(action, event.timeStamp);
  }

  #click(event) {
    const button = event.target.closest("button");
    if (event.target.classList.contains("veil")) this.#act({ do: "close" });
    if (!button) return;
    // A second click this soon is half of a double click, not a judgement of the next image.
    if (event.detail > 1 && performance.now() - (this.since ?? Infinity) < DOUBLE_CLICK
      && (button.dataset.class || button.dataset.do === "skip" || button.dataset.do === "unsure")) {
      return;
    }
    if (button.dataset.class) {
      this.#act({ do: "label", class: this.byId.get(Number(button.dataset.class)) },
        event.timeStamp);
    } else if (button.dataset.do) this.#act({ do: button.dataset.do }, event.timeStamp);
  }

  #act(action, pressed) {
    switch (action.do) {
      case "label": return this.#answer("label", action.class, pressed);
      case "skip": case "unsure": return this.#answer(action.do, null, pressed);
      case "undo": return this.#undo();
      case "older": return this.#step(-1);
      case "newer": return this.#step(1);
      case "accept": return this.#accept(pressed);
      case "zoom": return this.zoom.next();
      case "why": case "suggestion": return this.#toggle(action.do);
      case "search": return this.search.open(this.classes);
      case "help": return openKeys(this.part.help, this.part.help.hidden);
      case "hint": return closeHint(this.part.hint);
      case "close": return this.#close();
      default: return undefined;
    }
  }

  #close() {
    if (!this.part.help.hidden) openKeys(this.part.help, false);
    else if (this.search.isOpen) this.search.close();
    else if (this.visit) this.#endVisit();
    else this.zoom.set(1);
  }

  #accept(pressed) {
    const best = this.show.suggestion && this.whys.get(this.onScreen?.item)?.suggestion?.[0];
    if (best) this.#answer("label", this.byId.get(best.class), pressed);
  }

  #visibility() {
    if (document.hidden) {
      this.#pause();
      return;
    }
    if (this.painted && this.onScreen) this.since = performance.now();
    this.feed.fill(true);
    this.outbox.wake();
    this.#pollSoon(0);
  }

  // -- why and suggestion ----------------------------------------------------------------------

  #toggle(what) {
    this.show[what] = !this.show[what];
    this.#doButton(what).setAttribute("aria-pressed", String(this.show[what]));
    this.#drawAbout();
  }

  async #fetchWhy(image) {
    const known = this.whys.get(image.item);
    if (known && known.asked === this.feed.ranking) return;
    this.whys.set(image.item, { pending: true, asked: this.feed.ranking });
    try {
      const why = await request(this.link, "GET", `/why/${image.item}`);
      this.whys.set(image.item, { ...why, asked: this.feed.ranking });
    } catch {
      this.whys.delete(image.item);
    }
    if (this.onScreen?.item === image.item) this.#drawAbout(false);
  }

  #drawAbout(fetchToo = true) {
    const image = this.onScreen;
    const why = image && this.whys.get(image.item);
    const ready = why && !why.pending;
    if (image && fetchToo && (this.show.why || this.show.suggestion)) {
      this.#fetchWhy(image);
      const next = this.feed.images[1];
      if (next && next !== image) this.#fetchWhy(next);
    }
    const shown = ready && this.show.suggestion ? why.suggestion : null;
    drawGuesses(this.buttons, shown);
    const lines = [this.show.why && ready ? whyText(why) : rankedBy(image, this.status)];
    if (this.show.suggestion && ready) lines.push(suggestionText(why.suggestion, this.names));
    say(this.part.note, lines.join(" "));
    this.part.note.title = this.part.note.textContent;
    for (const [id, button] of this.buttons) {
      const current = image?.visited && (image.current ?? image.entry?.class) === id;
      button.toggleAttribute("data-current", Boolean(current));
    }
  }

  // -- drawing ---------------------------------------------------------------------------------

  // Old buttons stay where they are; new classes are appended.
  #setClasses(classes) {
    const sorted = [...classes].sort((a, b) => a.position - b.position);
    const same = sorted.length === this.classes.length
      && sorted.every((c, i) => c.id === this.classes[i].id && c.name === this.classes[i].name);
    if (same) return;
    const first = !this.classes.length;
    this.classes = sorted;
    this.byId = new Map(sorted.map((c) => [c.id, c]));
    this.names = new Map(sorted.map((c) => [c.id, c.name]));
    this.keys = assignKeys(sorted);
    this.buttons = new Map(sorted.map((c) => [
      c.id, classButton(c, this.#colour(c), this.keys.hints.get(c.id))]));
    this.part.classes.replaceChildren(...this.buttons.values());
    if (first) {
      this.part.classes.style.setProperty("--columns", String(Math.min(5, sorted.length || 1)));
      this.part.classes.classList.toggle("many", sorted.length > 20);
    }
    this.part.find.hidden = !this.keys.commands.f;
    drawKeys(this.part.keys, sorted, this.keys);
    this.#drawStrip();
    this.#drawAbout();
  }

  #colour(c) {
    const { colours } = this.data;
    return c.colour ?? colours?.[c.position % colours.length] ?? "var(--st-primary-color)";
  }

  // Labels that the last status cannot know of.
  #fresh() {
    const waiting = this.outbox.ops.reduce((sum, op) => sum
      + (op.kind === "undo" ? (op.shown.kind === "label" ? -1 : 0)
        : op.body.kind === "label" ? 1 : 0), 0);
    return this.counted + waiting;
  }

  #drawStatus() {
    drawStatus(this.part, this.status, this.#fresh());
    if (!this.show.why) this.#drawAbout(false);
  }

  #drawSaving() {
    drawSaving(this.part, this.outbox, this.saved);
    this.root.dataset.pending = String(this.outbox.ops.length);
  }

  #drawStrip() {
    const here = this.visit ? this.trail.entries.indexOf(this.visit.entry) : -1;
    drawStrip(this.part.strip, this.trail.entries, here, this.byId ?? new Map(),
      (c) => this.#colour(c), (entry) => this.#visitEntry(entry));
  }

  #doButton(what) {
    return this.root.querySelector(`.actions [data-do=${what}]`);
  }

  #flash(button) {
    if (!button || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    button.animate([{ filter: "brightness(0.88)" }, { filter: "none" }], 180);
  }

  #toast(text, seconds = 7, ...more) {
    clearTimeout(this.toasting);
    this.part.toast.replaceChildren(text, ...more);
    this.part.toast.hidden = false;
    if (seconds) {
      this.toasting = setTimeout(() => { this.part.toast.hidden = true; }, 1000 * seconds);
    }
  }

  #narrow() {
    return this.root.clientWidth < 760;
  }

  // Give the image the height that the rest leaves; nothing but the window changes it again.
  #fit() {
    const top = this.root.getBoundingClientRect().top + scrollY;
    const rest = this.root.firstElementChild.offsetHeight - this.part.stage.offsetHeight;
    const page = this.root.getRootNode().host?.closest(".stMainBlockContainer");
    // The board reaches into the padding below it (board.css).
    const below = page ? parseFloat(getComputedStyle(page).paddingBottom) - 32 : 20;
    const height = this.#narrow()
      ? Math.min(this.root.clientWidth, 0.4 * innerHeight)
      : Math.min(760, Math.max(260, innerHeight - top - rest - below - 2));
    this.root.style.setProperty("--stage", `${Math.round(height)}px`);
  }
}

const scopeOf = (data) => `${data.project}:${encodeURIComponent(data.annotator)}`;

// One id per tab. A duplicated tab inherits the storage of the first: it needs its own.
function clientId() {
  const fresh = uuid();
  try {
    const known = sessionStorage.getItem("alcore:client");
    const mine = performance.getEntriesByType("navigation")[0]?.type === "reload" ? known : null;
    sessionStorage.setItem("alcore:client", window.alcore.client ?? mine ?? fresh);
    window.alcore.client = sessionStorage.getItem("alcore:client");
  } catch {
    window.alcore.client ??= fresh;
  }
  return window.alcore.client;
}

const boards = new WeakMap(); // place in the page -> its board

export default function mount({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".board");
  if (!root || !data) return undefined;
  let board = boards.get(parentElement);
  if (board && (board.root !== root || board.scope !== scopeOf(data)
    || board.stop.signal.aborted)) {
    board.destroy();
    board = undefined;
  }
  const choose = (wish) => setTriggerValue("choose", wish);
  if (board) board.update(data, choose);
  else {
    board = new Board(root, data, choose);
    boards.set(parentElement, board);
  }
  // Streamlit may drop an outdated call after a newer one: only the last one ends the board.
  const turn = (board.turn = (board.turn ?? 0) + 1);
  return () => {
    if (board.turn === turn) board.destroy();
  };
}
