// What belongs to which class: the project's text, and example images of each class.

// examples: {class id: [{id, name, src}]}; colours: class -> colour.
function drawGuidelines(part, { text, examples }, classes, colours) {
  const told = JSON.stringify([text, examples, classes]);
  if (part.guidelines.told === told) return;
  part.guidelines.told = told;
  const shown = classes.filter((c) => examples[c.id]?.length);
  part.guidelines.hidden = !text && !shown.length;
  say(part.guidetext, text);
  part.guidetext.hidden = !text;
  part.examples.replaceChildren(...shown.map((c) => {
    const row = element("li", {}, element("span", { className: "name", textContent: c.name }),
      ...examples[c.id].map((e) => exampleImage(e, c)));
    row.style.setProperty("--swatch", colours(c));
    return row;
  }));
}

function exampleImage(example, c) {
  const image = element("img", {
    src: example.src, alt: `Example of ${c.name}`, title: example.name, draggable: false,
    loading: "lazy",
  });
  image.onload = () => {
    image.classList.toggle("crisp", Math.max(image.naturalWidth, image.naturalHeight) < 128);
  };
  return image;
}
