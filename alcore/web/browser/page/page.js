// What every page does by itself, once for as long as it is open.

import { freeKeys } from "./chooser.js";
import { mendMenu } from "./menu.js";
import { languageField } from "../shared/reader.js";
import { watchOutages } from "./outage.js";

const page = (window.alcore ??= {});

if (!page.watched) {
  page.watched = true;
  watchOutages();
  freeKeys();
  mendMenu();
  document.body.append(languageField());
}
