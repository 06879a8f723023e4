// Presses, keys and pointers of the Playground.

import { gettext } from "../shared/language.js";

const KEYS = { ArrowLeft: "back", ArrowRight: "on", " ": "play", Home: "start", End: "end" };
// What a key means where the focus is, it keeps meaning.
const OWN_KEYS = [
  ["select, textarea, input:not([type=range], [type=checkbox])", /./],
  ["input[type=range]", /^(Arrow|Home|End)/],
  ["button, a, summary, input[type=checkbox]", /^ $/],
];

function act(ground, name) {
  const stepping = { start: 0, back: ground.step - 1, on: ground.step + 1, end: ground.last };
  if (name in stepping) {
    ground.pause();
    ground.go(stepping[name]);
  } else if (name === "play") {
    if (ground.playing) ground.pause();
    else ground.play();
  } else if (name === "trials") ground.runTrials();
  else if (name === "link") copyLink(ground);
  else if (name === "tour") ground.tour.start();
  else if (name === "tour-next") ground.tour.next();
  else if (name === "tour-end") ground.tour.end();
  else if (name === "reseed") ground.reseed();
  else if (name === "erase") ground.drawing.erase();
  else if (name === "clear") ground.drawing.clear();
  else if (name === "paste") ground.drawing.openPaste();
}

async function copyLink(ground) {
  const { origin, pathname } = window.location;
  const address = origin + pathname + ground.address();
  try {
    await navigator.clipboard.writeText(address);
    ground.toast.show(gettext("The link is copied. It opens this step with all settings."));
  } catch {
    ground.toast.show(gettext("Copy this link: {address}", { address }), 0); // where a page may not, as without HTTPS
  }
}

export function listen(ground, signal) {
  const { root, part } = ground;
  const on = (node, name, listener, more = {}) => node.addEventListener(name, listener,
    { signal, ...more });
  on(root, "click", ({ target }) => {
    const button = target.closest("[data-do], [data-phase]");
    if (button?.dataset.phase) ground.toPhase(button.dataset.phase);
    else if (button) act(ground, button.dataset.do);
  });
  on(part.toast, "click", () => ground.toast.hide());
  on(part.example, "change", ({ target }) => {
    if (target.value !== "") ground.choose(ground.data.examples[Number(target.value)]);
  });
  for (const side of ["first", "second"]) {
    on(part[`${side}-strategy`], "change", ({ target }) => ground.set({ [side]: target.value }));
  }
  on(part.position, "input", ({ target }) => {
    ground.pause();
    ground.go(Number(target.value));
  });
  on(part.speed, "change", ({ target }) => { ground.speed = Number(target.value); });
  on(part.truth, "change", () => ground.draw());
  on(document, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [focus] = event.composedPath();
    if (OWN_KEYS.some(([kind, keys]) => focus.matches?.(kind) && keys.test(event.key))) return;
    const name = KEYS[event.key];
    const classes = ground.rounds.scene?.classes ?? [];
    const c = classes.findIndex((title, i) => event.key.toUpperCase() === title || (
      event.key === String(i + 1) && !classes.includes(event.key)));
    if (name) act(ground, name);
    else if (c >= 0) ground.answer(c);
    else return;
    event.preventDefault();
  });
  listenToPointer(ground, on);
  new ResizeObserver(() => requestAnimationFrame(() => {
    if (!signal.aborted) ground.draw();
  })).observe(root);
  on(matchMedia("(prefers-color-scheme: dark)"), "change", () => ground.draw());
}

// Draw points on the left plane while it shows one's own.
function listenToPointer(ground, on) {
  const canvas = ground.part["first-canvas"];
  const press = (event, first) => {
    ground.drawing.press(ground.panes.plots.first.placeOf(event), first);
    event.preventDefault();
  };
  on(canvas, "pointerdown", (event) => {
    if (!canvas.hasAttribute("data-drawing") || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    press(event, true);
  });
  on(canvas, "pointermove", (event) => {
    if (canvas.hasPointerCapture?.(event.pointerId)) press(event, false);
  });
}
