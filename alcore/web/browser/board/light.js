// Brightness and contrast of all images of a project; this browser remembers them.

export class Light {
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
