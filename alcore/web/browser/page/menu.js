// The menu on a phone: Streamlit puts groups of pages into its list in a way that lists may not have,
// so that screen readers count wrongly. Without the roles of a list, links are read as links.

const ITEMS = "[data-testid=stSidebarNavItems]";

function mend() {
  const items = document.querySelector(ITEMS);
  if (!items) return;
  for (const node of [items, ...items.querySelectorAll("li")]) {
    if (node.role !== "presentation") node.role = "presentation";
  }
}

export function mendMenu() {
  mend();
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
}
