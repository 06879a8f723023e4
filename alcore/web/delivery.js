// What becomes of answers once they are given: acknowledged, refused, or waiting for a fresh
// ticket. The outbox lives on when its board is gone.

const channels = new Map(); // scope -> {outbox, delivery, link}

class Delivery {
  // board: whose answers these are.
  constructor(board, scope, link) {
    this.board = board;
    this.saved = 0; // answers acknowledged on this page
    this.counted = 0; // labels acknowledged and not undone since the last status
    this.locked = false; // the ticket works no more
    let channel = channels.get(scope);
    if (!channel) {
      channel = { delivery: this, link };
      channels.set(scope, channel);
      channel.outbox = new Outbox(scope, link,
        (event, op, detail) => channel.delivery?.heard(event, op, detail));
    }
    this.channel = channel;
    channel.delivery = this;
    // One object for both, so that a fresh ticket reaches the outbox of an earlier board too.
    Object.assign(channel.link, link);
    this.link = channel.link;
    this.outbox = channel.outbox;
  }

  get ops() {
    return this.outbox.ops;
  }

  push(kind, body, shown) {
    return this.outbox.push(kind, body, shown);
  }

  // Labels that the last status cannot know of.
  fresh() {
    return this.ops.reduce((sum, op) => sum + labelsIn(op), this.counted);
  }

  heard(event, op, detail) {
    if (event === "done") this.#delivered(op, detail);
    if (event === "dropped") this.board.refused(op, detail);
    if (event === "locked") this.lock(detail);
    this.draw();
  }

  draw() {
    drawSaving(this.board.part, this.outbox, this.saved);
    this.board.root.dataset.pending = String(this.ops.length);
  }

  #delivered(op, answer) {
    if (op.kind === "answer" || op.kind === "lot") {
      this.saved += op.kind === "lot" ? answer.items.length : 1;
      this.board.root.dataset.saved = String(this.saved);
    }
    if (op.kind === "answer") {
      record(probe.acknowledged, {
        key: op.body.key, item: op.body.item, at: performance.now(),
        committed: 1000 * answer.committed,
      });
    }
    if (!(op.kind === "answer" && op.adopted)) this.counted += labelsIn(op);
    this.board.delivered(op, answer);
  }

  // The server takes this page's ticket no more; error says why.
  lock(error) {
    if (this.locked) return;
    this.locked = true;
    const reload = element("button", { type: "button", textContent: "Reload" });
    reload.addEventListener("click", () => location.reload());
    this.board.toast(`${sentence(error.message)} Your answers are kept.`, 0, reload);
    this.board.root.dataset.locked = "true";
  }

  freshTicket(ticket) {
    if (!ticket || ticket === this.link.ticket) return;
    this.link.ticket = ticket;
    if (!this.locked) return;
    this.locked = false;
    delete this.board.root.dataset.locked;
    this.board.part.toast.hidden = true;
    this.outbox.wake();
    this.board.feed.fill(true);
  }

  leave() {
    if (this.channel.delivery === this) this.channel.delivery = null;
  }
}

// How many labels an operation adds: those of a lot, 1, 0, or less where it takes them back.
function labelsIn(op) {
  if (op.shown.kind !== "label") return 0;
  return (op.shown.count ?? 1) * (op.kind === "undo" || op.kind === "unlot" ? -1 : 1);
}
