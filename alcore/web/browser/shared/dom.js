// Small steps with nodes of the page. Text is set with textContent only, since class names,
// guidelines and comments are somebody's input.

export function element(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

// Write only what changed: a running transition or a reader's selection survives.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// The nodes that the page's code writes to, by the name in their data-part.
export function partsOf(root) {
  return Object.fromEntries(
    [...root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
}

// An image that somebody's key or press never drags away.
export function picture(properties) {
  return element("img", { alt: "", draggable: false, ...properties });
}

export function fillBar(bar, share) {
  const value = Math.round(100 * Math.min(1, Math.max(0, share)));
  bar.firstElementChild.style.transform = `scaleX(${value / 100})`;
  bar.setAttribute("aria-valuenow", String(value));
}

// A short sign that a press arrived.
export function flash(button) {
  if (!button || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  button.animate([{ opacity: 0.7 }, { opacity: 1 }], 120);
}

// options: [value, text]; one that is chosen is marked. Drawn again only where something changed,
// since that would close an open list.
export function drawOptions(select, options, choice) {
  const version = JSON.stringify([options, choice]);
  if (select.version === version) return;
  select.version = version;
  select.replaceChildren(...options.map(([value, textContent]) => (
    element("option", { value: String(value), textContent, selected: String(value) === choice }))));
}
