// What opens over the image: zoom, brightness and contrast, the search for a class.

const MOST_FOUND = 50;

// Enlarges the image within its frame; the point under the pointer stays in view.
class Zoom {
  constructor(stage, canvas, button, signal) {
    Object.assign(this, { stage, canvas, button, factor: 1 });
    stage.addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    stage.addEventListener("pointermove", (event) => {
      if (this.factor > 1) this.set(this.factor, ...this.#place(event));
    }, { signal });
  }

  set(factor, x = 50, y = 50) {
    this.factor = factor;
    this.canvas.style.transformOrigin = `${x}% ${y}%`;
    this.canvas.style.transform = factor === 1 ? "" : `scale(${factor})`;
    this.stage.toggleAttribute("data-zoomed", factor > 1);
    this.button.setAttribute("aria-pressed", String(factor > 1));
  }

  next() {
    this.set(this.factor >= 4 ? 1 : 2 * this.factor);
  }

  #wheel(event) {
    if (event.ctrlKey) return; // the browser's own zoom
    event.preventDefault();
    const factor = Math.min(8, Math.max(1, this.factor * Math.exp(-event.deltaY / 400)));
    this.set(factor < 1.02 ? 1 : factor, ...this.#place(event));
  }

  // Where the pointer is in the frame, in percent of its width and height.
  #place(event) {
    const box = this.stage.getBoundingClientRect();
    return [100 * (event.clientX - box.left) / box.width,
      100 * (event.clientY - box.top) / box.height];
  }
}

// Brightness and contrast of all images of a project; this browser remembers them.
class Light {
  constructor({ light, brightness, contrast, canvas }, button, project, signal) {
    Object.assign(this, { panel: light, canvas, button, row: `alcore:light:${project}` });
    this.sliders = [brightness, contrast];
    for (const slider of this.sliders) {
      slider.addEventListener("input", () => this.#changed(), { signal });
    }
    this.#read();
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  toggle(open = !this.isOpen) {
    this.panel.hidden = !open;
    if (open) this.sliders[0].focus();
    else this.panel.getRootNode().activeElement?.blur();
  }

  reset() {
    for (const slider of this.sliders) slider.value = "100";
    this.#changed();
  }

  #read() {
    try {
      const [brightness = 100, contrast = 100] = JSON.parse(localStorage.getItem(this.row)) ?? [];
      this.sliders[0].value = String(brightness);
      this.sliders[1].value = String(contrast);
    } catch { /* storage is switched off, or not ours: nothing is changed */ }
    this.#apply();
  }

  #changed() {
    this.#apply();
    try {
      const values = this.sliders.map((slider) => Number(slider.value));
      if (values.every((value) => value === 100)) localStorage.removeItem(this.row);
      else localStorage.setItem(this.row, JSON.stringify(values));
    } catch { /* storage is switched off: it holds until the page is closed */ }
  }

  #apply() {
    const [brightness, contrast] = this.sliders.map((slider) => Number(slider.value) / 100);
    const changed = brightness !== 1 || contrast !== 1;
    this.canvas.style.filter = changed ? `brightness(${brightness}) contrast(${contrast})` : "";
    this.button.setAttribute("aria-pressed", String(changed));
  }
}

// A list of classes that typing narrows. take(class, time) is called with the choice.
class ClassSearch {
  constructor({ search, query, found }, take, signal) {
    Object.assign(this, { panel: search, query, list: found, take, classes: [], found: [], at: 0 });
    query.addEventListener("input", () => this.#find(), { signal });
    query.addEventListener("keydown", (event) => this.#key(event), { signal });
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  open(classes) {
    this.classes = classes;
    this.panel.hidden = false;
    this.query.value = "";
    this.#find();
    this.query.focus();
  }

  close() {
    this.panel.hidden = true;
    this.query.blur();
  }

  #find() {
    const sought = this.query.value.trim().toLowerCase();
    const rank = (c) => (c.name.toLowerCase().startsWith(sought) ? 0 : 1);
    this.found = this.classes.filter((c) => c.name.toLowerCase().includes(sought))
      .sort((a, b) => rank(a) - rank(b)).slice(0, MOST_FOUND);
    this.#mark(0);
  }

  #mark(at) {
    this.at = Math.max(0, Math.min(this.found.length - 1, at));
    this.list.replaceChildren(...this.found.map((c, i) => {
      const row = element("li", { textContent: c.name, id: `found-${i}` });
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(i === this.at));
      row.addEventListener("click", (event) => this.#choose(c, event));
      return row;
    }));
    if (!this.found.length) {
      this.list.append(element("li", { textContent: "No class has such a name." }));
    }
    this.query.setAttribute("aria-activedescendant", `found-${this.at}`);
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    if (event.key === "ArrowDown") this.#mark(this.at + 1);
    else if (event.key === "ArrowUp") this.#mark(this.at - 1);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && !event.repeat && this.found[this.at]) {
      this.#choose(this.found[this.at], event);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #choose(chosen, event) {
    this.close();
    this.take(chosen, event.timeStamp);
  }
}
