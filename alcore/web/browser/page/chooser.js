// The choice of a project, in the head of every page: once one is chosen, keys mean answers again.

const soon = () => setTimeout(() => {
  const focus = document.activeElement;
  if (focus?.closest(".st-key-project-chooser")) focus.blur();
});

export function freeKeys() {
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[role=option]")) soon();
  }, { capture: true });
  document.addEventListener("keydown", (event) => {
    if (["Enter", "Escape"].includes(event.key)) soon();
  }, { capture: true });
}
