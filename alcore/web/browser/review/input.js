// Keys, clicks and taps on the review page: what a person does becomes an action of the review.

import { isPressable, isTyping } from "../shared/keys.js";

// Listen until the signal ends.
export function listenToReview(review, signal) {
  // Before Streamlit's own shortcuts (R, C) see the key.
  window.addEventListener("keydown", (event) => onReviewKey(review, event),
    { capture: true, signal });
  review.root.addEventListener("click", (event) => onReviewClick(review, event), { signal });
  review.part.say.addEventListener("submit", (event) => {
    event.preventDefault();
    review.talk.send();
  }, { signal });
  review.part.views.addEventListener("keydown", (event) => onTabKey(review, event), { signal });
  document.addEventListener("visibilitychange", () => document.hidden || review.overview.load(),
    { signal });
  window.addEventListener("online", () => review.outbox.wake(), { signal });
}

function onReviewKey(review, event) {
  const target = event.composedPath()[0];
  if (event.key === "Escape" && target === review.part.remark) review.talk.open(false);
  if (event.key === "Escape" && target === review.part.name) target.blur();
  if (isTyping(event)) return;
  const on = (what) => target instanceof Element && target.closest(what);
  if (isPressable(event) && !on(".tile")) return;
  if (on("[role=tab]") && event.key.startsWith("Arrow")) return;
  const action = review.keyboard.action(event, review.keys)
    ?? (event.repeat && event.key.startsWith("Arrow") ? review.keys.get(event.key) : null);
  if (!action || (review.search.isOpen && action.do !== "close")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  review.act(action);
}

// The arrows of a row of tabs.
function onTabKey(review, event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const tabs = [...review.part.views.children];
  const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
  event.preventDefault();
  next.focus();
  review.filters.show(next.dataset.view);
}

function onReviewClick(review, event) {
  const tile = event.target.closest(".tile");
  if (tile) {
    review.rows.choose(review.rows.placeOf(Number(tile.dataset.item)));
    if (review.narrow) review.part.detail.scrollIntoView({ block: "start" });
  }
  if (event.target === review.part.picture) review.act({ do: "pixels" });
  if (event.target.classList.contains("veil")) review.act({ do: "close" });
  const button = event.target.closest("button");
  if (!button) return;
  // The second click of a double click would change the next image.
  if (event.detail > 1 && (button.dataset.class || button.dataset.do === "keep")) return;
  if (button.dataset.class) {
    review.act({ do: "label", class: review.byId.get(Number(button.dataset.class)) });
  } else if (button.dataset.do) review.act({ do: button.dataset.do });
}
