// The camera: on, off, which one, and why there is none.

import { cameraText } from "./words.js";

export class Camera {
  // video: the node that shows it. changed(text): it went on or off; text says why it is not on.
  constructor(video, changed) {
    Object.assign(this, { video, changed });
    this.facing = "user";
    this.stream = null;
  }

  get isOn() {
    return this.stream !== null && this.video.videoWidth > 0;
  }

  async start() {
    this.stop();
    const devices = navigator.mediaDevices;
    if (!devices?.getUserMedia) {
      this.changed(cameraText(null, isSecureContext));
      return;
    }
    try {
      this.stream = await devices.getUserMedia({
        audio: false, video: { width: { ideal: 640 }, facingMode: this.facing },
      });
    } catch (error) {
      this.changed(cameraText(error, isSecureContext));
      return;
    }
    const { stream } = this;
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      if (this.stream !== stream) return;
      this.stop();
      this.changed("The camera has gone. Turn it on again, or upload pictures.");
    });
    this.video.srcObject = stream;
    await this.video.play().catch(() => {}); // a second start may overtake the first
    if (this.stream === stream) this.changed("");
  }

  // Take the camera that looks the other way.
  turn() {
    this.facing = this.facing === "user" ? "environment" : "user";
    return this.start();
  }

  async several() {
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    return all.filter((one) => one.kind === "videoinput").length > 1;
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }
}
