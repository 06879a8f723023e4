// Addresses of pictures are signed for a day or two; a page may be open for longer.

import { request } from "./requests.js";

// Ask for a fresh signature; null where there is none to be had.
export async function signAgain(link, address) {
  const plain = address.replace(/&whole=1$/, "");
  const tail = address.slice(plain.length);
  const answer = await request(link, "POST", "/pictures", { addresses: [plain] }).catch(() => null);
  const fresh = answer?.addresses[plain];
  return fresh && fresh !== plain ? fresh + tail : null;
}

// Load each picture below the root again that failed with an old signature.
export function renewPictures(root, link, signal) {
  root.addEventListener("error", async ({ target }) => {
    const address = target.getAttribute?.("src");
    if (target.tagName !== "IMG" || !address?.includes("t=")) return;
    const fresh = await signAgain(link, address);
    if (fresh && target.getAttribute("src") === address) target.src = fresh;
  }, { capture: true, signal });
}
