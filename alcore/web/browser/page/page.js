// What every page does by itself, once for as long as it is open.

import { watchOutages } from "./outage.js";

const page = (window.alcore ??= {});

if (!page.watched) {
  page.watched = true;
  watchOutages();
}
