// Who asks: ids of single requests, of this tab, and of a person's work at a project.

export const uuid = () => crypto.randomUUID?.()
  ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) => (
    +c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (+c / 4)))).toString(16));

// Whose answers these are. Apps below other paths of the same host have other projects.
export const scopeOf = (data) => {
  const folder = new URL(".", document.baseURI).pathname;
  const app = folder === "/" ? "" : `${encodeURIComponent(folder)}:`;
  return `${app}${data.project}:${encodeURIComponent(data.annotator)}`;
};

// One id per tab. A duplicated tab inherits the storage of the first: it needs its own.
export function clientId() {
  const page = (window.alcore ??= {});
  const fresh = uuid();
  try {
    const known = sessionStorage.getItem("alcore:client");
    const mine = performance.getEntriesByType("navigation")[0]?.type === "reload" ? known : null;
    sessionStorage.setItem("alcore:client", page.client ?? mine ?? fresh);
    page.client = sessionStorage.getItem("alcore:client");
  } catch {
    page.client ??= fresh;
  }
  return page.client;
}
