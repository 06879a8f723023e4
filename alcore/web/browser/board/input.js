// Keys, clicks and taps: what a person does becomes an action of the board.

import { isPressable, isTyping } from "../shared/keys.js";

// Milliseconds from an image to a click that can be meant for it: a sooner one is the second half
// of a double click. Taps are not counted as clicks are, and nobody judges that fast.
const DOUBLE_CLICK = 250;
const ANSWERING = new Set(["skip", "unsure"]);

// Listen until the signal ends.
export function listen(board, signal) {
  // Before Streamlit's own shortcuts (R, C) see the key.
  window.addEventListener("keydown", (event) => onKey(board, event), { capture: true, signal });
  board.root.addEventListener("click", (event) => onClick(board, event), { signal });
  // A click leaves the focus alone: Space then means skip, and not this button once more.
  board.root.addEventListener("mousedown", (event) => {
    if (event.target.closest("input, select, label")) return;
    if (event.target.closest("button")) event.preventDefault();
    if (!board.root.contains(board.root.getRootNode().activeElement)) document.activeElement?.blur();
  }, { signal });
  document.addEventListener("visibilitychange", () => board.visibility(), { signal });
  window.addEventListener("pagehide", () => { board.feed.leave(); board.grid.leave(); },
    { signal });
  window.addEventListener("pageshow", (event) => event.persisted && board.feed.restart(),
    { signal });
  window.addEventListener("online", () => board.feed.fill(true), { signal });
  window.addEventListener("resize",
    () => (board.grid.isOpen ? board.grid.fit() : board.stage.resized()), { signal });
}

function onKey(board, event) {
  if (board.grid.isOpen && !board.overlaid && board.grid.key(event)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (isTyping(event) || (isPressable(event) && !onTile(event))) return;
  const action = board.keyboard.action(event, board.keys);
  if (!action) return;
  if (board.overlaid && action.do !== "close" && action.do !== "help") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  board.act(action, event.timeStamp);
}

// Enter on a tile means the lot.
const onTile = (event) => event.composedPath()[0].matches?.(".tile") ?? false;

function onClick(board, event) {
  const button = event.target.closest("button");
  if (event.target.classList.contains("veil")) board.act({ do: "close" });
  if (!button) return;
  const answering = button.dataset.class || ANSWERING.has(button.dataset.do);
  const second = event.detail > 1 || event.pointerType === "touch";
  if (answering && second && board.stage.age(event.timeStamp) < DOUBLE_CLICK) return;
  if (button.dataset.class) {
    board.act({ do: "label", class: board.byId.get(Number(button.dataset.class)) },
      event.timeStamp);
  } else if (button.dataset.do) board.act({ do: button.dataset.do }, event.timeStamp);
}

// The field that says who labels; choose tells the page.
export function listenToWho(board, signal) {
  const { name } = board.part;
  name.addEventListener("change", () => {
    const typed = name.value.trim().replace(/\s+/g, " ");
    if (typed && typed !== board.data.annotator) board.choose({ annotator: typed });
    else name.value = board.data.annotator;
  }, { signal });
  name.addEventListener("keydown", (event) => {
    if (event.key === "Escape") name.value = board.data.annotator;
    if (event.key === "Enter" || event.key === "Escape") name.blur();
  }, { signal });
}
