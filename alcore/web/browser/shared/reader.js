// The choice of the language that pages are read in; this browser remembers it.

import { LANGUAGE, LANGUAGES } from "./catalogue.js";
import { drawOptions, element } from "./dom.js";

const YEAR = 365 * 86_400; // seconds

// Return a field that lets a reader choose; the page is then loaded anew.
export function languageField() {
  const field = element("select", { className: "alcore-language", title: "Language · Sprache" });
  field.setAttribute("aria-label", "Language · Sprache");
  drawOptions(field, LANGUAGES, LANGUAGE);
  field.addEventListener("change", () => {
    document.cookie = `alcore_language=${field.value}; path=/; max-age=${YEAR}; SameSite=Lax`
      + `${location.protocol === "https:" ? "; Secure" : ""}`;
    location.reload();
  });
  return field;
}
