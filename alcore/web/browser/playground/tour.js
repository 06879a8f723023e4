// A guided tour of about three minutes, offered on the first visit. A stop is what is shown and what
// is said of it; whoever is led may press anything in between.

import { say } from "../shared/dom.js";
import { gettext } from "../shared/language.js";
import { stepOfModel } from "./steps.js";

const KEPT = "alcore:playground-tour";
const OFFER = gettext("New here? A tour of three minutes shows how active learning works.");

// example: by its place in the list, else the settings of before; step; text
export const STOPS = [
  [0, 0, gettext("Every point stands for an image. Only the six squares have labels; for each further label "
    + "somebody has to look. Both sides begin alike: on the left margin will choose what to ask about, "
    + "on the right chance, to compare.")],
  [0, 1, gettext("A model learned from the six. Orange and blue are what it would say everywhere, paler "
    + "where it is not sure. The figures below each strategy are its accuracy on points that nobody "
    + "labels for it: the holdout.")],
  [0, 2, gettext("It is applied to all points without a label. The large ones it is least sure of.")],
  [0, 3, gettext("So which label would help most? Margin rings the point whose two classes are closest to "
    + "a tie. Chance rings any.")],
  [0, 4, gettext("The oracle, a person in real life, says its class.")],
  [0, 6, gettext("New models learn from seven labels. The stop criterion looks whether labels still "
    + "change much; they do, so the loop goes round again.")],
  [0, stepOfModel(12), gettext("Twelve labels later: on the left they lie along the border, on the "
    + "right anywhere. The curves below say what that was worth. One start may be luck: the "
    + "button below the curves runs twenty.")],
  [2, stepOfModel(8), gettext("It is no magic. Here is an example in which margin loses to chance; the sentence "
    + "at the top says why. The list of examples has more of both kinds.")],
  [0, 0, gettext("Now you: press Play, move a slider, choose two strategies, or set the oracle to “me” and "
    + "answer yourself. The address always holds what you see, so a link shows others the same.")],
];

export class Tour {
  // ground: what shows the stops; offered: whether this visit looks like the first
  constructor(ground, offered) {
    Object.assign(this, { ground, part: ground.part, place: null });
    let known = false;
    try {
      known = localStorage.getItem(KEPT) !== null;
    } catch { /* a browser that keeps nothing is asked each time */ }
    if (offered && !known) {
      this.#show(OFFER, gettext("Start the tour"), gettext("No, thank you"));
    }
  }

  #show(text, next, end) {
    this.part.tour.hidden = false;
    say(this.part.told, text);
    say(this.part.next, next);
    say(this.part.skip, end);
  }

  start() {
    this.place = null;
    this.next();
  }

  next() {
    this.place = this.place === null ? 0 : this.place + 1;
    if (this.place >= STOPS.length) {
      this.end();
      return;
    }
    const [example, step, text] = STOPS[this.place];
    const last = this.place === STOPS.length - 1;
    this.#show(gettext("{place} of {n}: {text}", { place: this.place + 1, n: STOPS.length, text }),
      last ? gettext("Done") : gettext("Next"), last ? "" : gettext("End"));
    this.part.skip.hidden = last;
    this.ground.visit(this.ground.data.examples[example], step);
  }

  end() {
    this.place = null;
    this.part.tour.hidden = true;
    try {
      localStorage.setItem(KEPT, "seen");
    } catch { /* then it is offered again */ }
  }
}
