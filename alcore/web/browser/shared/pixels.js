// Whether images that are drawn larger than they are look smooth, as by default, or show their
// pixels. This browser remembers it for a project, on all its pages.

export class Pixels {
  // root: the element whose images it is about; shown(hard): it has changed.
  constructor(root, project, shown = () => {}) {
    Object.assign(this, { root, shown, row: `alcore:pixels:${project}` });
    let hard = false;
    try {
      hard = localStorage.getItem(this.row) === "hard";
    } catch { /* storage is switched off: smooth */ }
    this.#show(hard);
  }

  toggle() {
    const hard = !this.root.hasAttribute("data-pixels");
    this.#show(hard);
    try {
      if (hard) localStorage.setItem(this.row, "hard");
      else localStorage.removeItem(this.row);
    } catch { /* storage is switched off: it holds until the page is closed */ }
  }

  #show(hard) {
    this.root.toggleAttribute("data-pixels", hard);
    this.shown(hard);
  }
}
