// Looking: what the camera sees goes to the model, and what it says comes back, one at a time, as
// often as that goes. Without a camera, learning goes on until all pictures are known.

import { Refused } from "../shared/requests.js";
import { frameOf } from "./frames.js";
import { Rate } from "./rate.js";

const PATIENCE = 150; // seconds; the first answer waits until the network is loaded
const PAUSE = 1000; // milliseconds after a failure
const BETWEEN = 60; // and between two looks, so that one page does not take a whole processor

export class Live {
  // ask(path, body, seconds); camera; hear(answer, error): what the model said.
  constructor(ask, camera, hear) {
    Object.assign(this, { ask, camera, hear });
    this.rate = new Rate();
    this.running = false;
    this.ended = false;
    this.left = 1; // pictures that the model may not know
  }

  // Something is new: the camera, or a picture.
  wake() {
    this.left = Math.max(this.left, 1);
    if (!this.running && !this.ended) this.#run();
  }

  end() {
    this.ended = true;
  }

  async #run() {
    this.running = true;
    while (!this.ended && !document.hidden && (this.camera.isOn || this.left)) {
      const looks = this.camera.isOn;
      if (!looks) this.rate.clear();
      try {
        const frame = looks ? frameOf(this.camera.video) : null;
        const answer = await this.ask("/teach/look", { frame }, PATIENCE);
        if (this.ended) break;
        this.left = answer.left;
        if (looks) this.rate.add(performance.now());
        this.hear(answer);
        await sleep(looks ? BETWEEN : 0);
      } catch (error) {
        if (this.ended) break;
        this.rate.clear();
        this.hear(null, error);
        if (error instanceof Refused) break; // the same would be refused again
        await sleep(PAUSE);
      }
    }
    this.running = false;
  }
}

const sleep = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });
