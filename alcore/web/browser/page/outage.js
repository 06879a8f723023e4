// A calm message while the server does not answer, on every page, in place of Streamlit's dialog,
// which takes the keyboard from people whose answers are safe.

import { element } from "../shared/dom.js";
import { gettext } from "../shared/language.js";

const TRY_AGAIN = 2000; // milliseconds
const TITLE = "Connection error"; // of Streamlit's dialog

// Close Streamlit's dialog as soon as it comes; it then stays away until the outage is over.
export function watchOutages() {
  const bar = element("div", { className: "alcore-outage", hidden: true,
    textContent: gettext("The server does not answer. Trying again; nothing that was saved is lost.") });
  bar.setAttribute("role", "status");
  document.body.append(bar);
  new MutationObserver(() => {
    for (const dialog of document.querySelectorAll("[data-testid=stDialog]")) {
      if (dialog.querySelector("h2")?.textContent !== TITLE) continue;
      dialog.querySelector("button[aria-label=Close]")?.click();
      if (bar.hidden) waitForServer(bar);
    }
  }).observe(document.body, { childList: true });
}

async function waitForServer(bar) {
  bar.hidden = false;
  const answers = await fetch("alcore/health", { cache: "no-store" })
    .then((response) => response.ok, () => false);
  if (answers) bar.hidden = true;
  else setTimeout(() => waitForServer(bar), TRY_AGAIN);
}
