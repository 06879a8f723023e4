// What pointers and keys do on the plot: move, zoom, draw around images, point at one.

const STEP = 60; // pixels that an arrow key moves
const FACTOR = 1.35;
const NEAR = 14; // pixels
const onPlot = (event) => !event.target.closest?.("button, .toast");
const STILL = 4; // a press that moved no farther is a click

export function listen(map, signal) {
  const { plot } = map.part;
  const fingers = new Map(); // pointer -> [x, y]
  let path = null;
  let moved = 0;
  const at = (event) => {
    const box = plot.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  plot.addEventListener("wheel", (event) => {
    if (map.plot.still) return;
    event.preventDefault();
    map.view.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...at(event));
    map.moved();
  }, { signal, passive: false });

  plot.addEventListener("pointerdown", (event) => {
    if (!onPlot(event) || event.button > 0 || map.plot.still) return;
    plot.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at(event));
    moved = 0;
    const drawing = map.mode !== "move" || event.shiftKey;
    path = fingers.size === 1 && drawing ? [at(event)] : null;
  }, { signal });

  plot.addEventListener("pointermove", (event) => {
    const here = at(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (onPlot(event)) map.point(map.nearest(...here, NEAR), here);
      return;
    }
    moved += Math.hypot(here[0] - before[0], here[1] - before[1]);
    if (path) {
      path = map.mode === "box" ? box(path[0], here) : [...path, here];
      map.outline(path);
    } else if (fingers.size === 1) {
      map.view.pan(here[0] - before[0], here[1] - before[1]);
      map.moved();
    } else {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      const distance = (p) => Math.max(1, Math.hypot(p[0] - other[0], p[1] - other[1]));
      map.view.zoom(distance(here) / distance(before), ...other);
      map.moved();
    }
    fingers.set(event.pointerId, here);
  }, { signal });

  const end = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    const how = event.altKey ? "less" : event.shiftKey || event.ctrlKey || event.metaKey ? "more" : "new";
    if (event.type !== "pointercancel" && moved <= STILL && !fingers.size) {
      map.press(map.nearest(...at(event), NEAR), at(event), event.ctrlKey || event.metaKey || event.shiftKey);
    } else if (path && path.length > 2 && event.type !== "pointercancel") {
      map.pickInside(path, how);
    }
    path = null;
    map.outline([]);
  };
  for (const name of ["pointerup", "pointercancel"]) plot.addEventListener(name, end, { signal });
  plot.addEventListener("pointerleave", () => map.point(-1), { signal });
  plot.addEventListener("dblclick", (event) => {
    if (!onPlot(event) || map.plot.still) return;
    map.view.zoom(2.5, ...at(event));
    map.moved();
  }, { signal });
  plot.addEventListener("keydown", (event) => {
    if (event.target === plot && key(map, event)) event.preventDefault();
  }, { signal });
}

const box = ([x, y], [a, b]) => [[x, y], [a, y], [a, b], [x, b]];

function key(map, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const steps = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
  if (map.plot.still && event.key !== "Escape") return false;
  if (steps[event.key]) map.view.pan(...steps[event.key]);
  else if (event.key === "+" || event.key === "=") map.view.zoom(FACTOR);
  else if (event.key === "-") map.view.zoom(1 / FACTOR);
  else if (event.key === "0") map.view.fit(map.scene.layout);
  else if (event.key.toLowerCase() === "s") {
    map.pickInView(event.shiftKey ? "more" : "new");
    return true;
  } else if (event.key === "Escape") {
    map.clear();
    return true;
  } else return false;
  map.moved();
  return true;
}
