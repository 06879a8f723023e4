// What belongs to which class: the project's text, each class's own, and examples of it.

import { element, picture, say } from "../shared/dom.js";
import { gettext } from "../shared/language.js";

// examples: {class id: [{id, name, src}]}; colours: class -> colour.
export function drawGuidelines(part, { text, examples }, classes, colours) {
  const version = JSON.stringify([text, examples, classes]);
  if (part.guidelines.version === version) return;
  part.guidelines.version = version;
  const shown = classes.filter((c) => examples[c.id]?.length || c.description);
  part.guidelines.hidden = !text && !shown.length;
  say(part.guidetext, text);
  part.guidetext.hidden = !text;
  part.examples.replaceChildren(...shown.map((c) => {
    const row = element("li", {}, element("span", { className: "name", textContent: c.name }),
      ...c.description ? [element("p", { textContent: c.description })] : [],
      ...(examples[c.id] ?? []).map((e) => exampleImage(e, c)));
    row.style.setProperty("--swatch", colours(c));
    return row;
  }));
}

function exampleImage(example, c) {
  return picture({
    src: example.src, alt: gettext("Example of {name}", { name: c.name }), title: example.name, loading: "lazy",
  });
}
