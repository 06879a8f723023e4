// What one tab is: its id for the server, and the times that measurements read.

const RING = 500;

const probe = (window.alcore ??= { painted: [], acknowledged: [], pressed: [] });

function record(list, entry) {
  list.push(entry);
  if (list.length > RING) list.shift();
}

// Whose answers these are. Apps below other paths of the same host have other projects.
const scopeOf = (data) => {
  const folder = new URL(".", document.baseURI).pathname;
  const app = folder === "/" ? "" : `${encodeURIComponent(folder)}:`;
  return `${app}${data.project}:${encodeURIComponent(data.annotator)}`;
};

// One id per tab. A duplicated tab inherits the storage of the first: it needs its own.
function clientId() {
  const fresh = uuid();
  try {
    const known = sessionStorage.getItem("alcore:client");
    const mine = performance.getEntriesByType("navigation")[0]?.type === "reload" ? known : null;
    sessionStorage.setItem("alcore:client", window.alcore.client ?? mine ?? fresh);
    window.alcore.client = sessionStorage.getItem("alcore:client");
  } catch {
    window.alcore.client ??= fresh;
  }
  return window.alcore.client;
}
