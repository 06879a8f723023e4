// How Streamlit gets an element: it calls the function that `mounting` returns on each rerun, with
// new data, and the function that this one returns when the element goes.

import { scopeOf } from "./ids.js";

// Place in the page -> {make, element}; kept by the page, so that a newer version of this code
// finds and ends the element of the older one.
const places = () => ((window.alcore ??= {}).places ??= new WeakMap());

// selector: the element's root; make(root, data, trigger): a new element with root, scope, stop
// (an AbortController), update(data, trigger) and destroy(). trigger(name, value) tells the page.
export function mounting(selector, make) {
  return ({ data, parentElement, setTriggerValue }) => {
    const root = parentElement.querySelector(selector);
    if (!root || !data) return undefined;
    let place = places().get(parentElement);
    const current = place && place.make === make && place.element.root === root
      && place.element.scope === scopeOf(data) && !place.element.stop.signal.aborted;
    if (current) place.element.update(data, setTriggerValue);
    else {
      place?.element.destroy();
      place = { make, element: make(root, data, setTriggerValue), turn: 0 };
      places().set(parentElement, place);
    }
    // Streamlit may drop an outdated call after a newer one: only the last one ends the element.
    place.turn += 1;
    const { turn } = place;
    return () => {
      if (place.turn === turn) place.element.destroy();
    };
  };
}
