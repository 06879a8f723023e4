// The guess on a student's screen: an image, what they think, and then what the model says.

import { element, say } from "../shared/dom.js";
import { gettext } from "../shared/language.js";
import { shownPlaces } from "../shared/shares.js";
import { wholePercent } from "../shared/text.js";

export class GuessSheet {
  // part: the page's nodes by name; onChoose(guess id, place of the class).
  constructor(part, onChoose) {
    this.part = part;
    this.onChoose = onChoose;
    this.version = "";
  }

  get isOpen() {
    return !this.part.guess.hidden;
  }

  // guess: what the server says of the one that is open, or null; classes: names by place.
  draw(guess, classes) {
    this.part.guess.hidden = !guess;
    const version = JSON.stringify([guess, classes]);
    if (!guess || version === this.version) return;
    this.version = version;
    const { asked, picture, choices, bars } = this.part;
    if (picture.getAttribute("src") !== guess.src) picture.src = guess.src;
    say(asked, heading(guess, classes));
    choices.hidden = guess.shown;
    bars.hidden = this.part.legend.hidden = !guess.shown;
    if (guess.shown) bars.replaceChildren(...rows(guess, classes));
    else choices.replaceChildren(...classes.map((name, place) => this.#choice(guess, name, place)));
  }

  #choice(guess, name, place) {
    const button = element("button", { type: "button", textContent: name });
    button.setAttribute("aria-pressed", String(guess.mine === place));
    button.addEventListener("click", () => this.onChoose(guess.id, place));
    return button;
  }
}

// What stands above the image. Pure.
export function heading(guess, classes) {
  if (!guess.shown && guess.mine === null) return gettext("Guess: what is this?");
  if (!guess.shown) {
    return gettext("You say {name}. Now wait for the model.", { name: classes[guess.mine] });
  }
  if (!guess.bars) return gettext("Your group has no model yet.");
  const best = guess.bars.indexOf(Math.max(...guess.bars));
  const name = classes[best];
  if (guess.mine === null) return gettext("The model says {name}.", { name });
  return guess.mine === best ? gettext("The model says {name}, as you do.", { name })
    : gettext("The model says {name}; you say {mine}.", { name, mine: classes[guess.mine] });
}

function rows({ bars, votes, mine }, classes) {
  const all = Math.max(1, votes.reduce((a, b) => a + b, 0));
  return shownPlaces(bars, votes).map((place) => {
    const share = bars?.[place] ?? 0;
    const model = element("i", { title: gettext("the model") });
    const people = element("i", { title: gettext("the class") });
    model.style.width = `${100 * share}%`;
    people.style.width = `${(100 * votes[place]) / all}%`;
    return element("li", { className: place === mine ? "mine" : "" },
      element("span", { textContent: classes[place] }),
      element("span", {}, model, people),
      element("span", { textContent: bars ? wholePercent(share) : "–" }));
  });
}
