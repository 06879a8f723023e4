// A session's record, and what it shows at an instant: nothing else is needed to draw the wall, so
// that a replay shows what was seen. Pure.
//
// An event is [id, time, student, group, position, kind, class, undoes].

const LABEL = 0;
const UNDO = 2;

export class Record {
  constructor() {
    this.told = null; // the newest answer of the server, but for its events
    this.events = [];
    this.undone = new Map(); // id of an event -> when it was taken back
  }

  get last() {
    return this.events.at(-1)?.[0] ?? 0;
  }

  // Take in what the server says; after a reset it knows nothing of what was before.
  merge(told) {
    const { events, ...rest } = told;
    const ids = new Set(told.students.map((one) => one.id));
    if (this.events.some(([, , who]) => !ids.has(who))) {
      this.events = [];
      this.undone.clear();
    }
    const pictures = { ...this.told?.pictures, ...told.pictures };
    this.told = { ...this.told, ...rest, pictures };
    for (const event of events) {
      if (event[0] <= this.last) continue;
      this.events.push(event);
      if (event[5] === UNDO) this.undone.set(event[7], event[1]);
    }
  }

  // The first and the last instant that there is something to see of.
  span() {
    const { session } = this.told;
    const from = session.starts_at ?? session.now;
    const until = Math.min(session.ends_at ?? session.now, session.now);
    return [from, Math.max(from, until, this.events.at(-1)?.[1] ?? 0)];
  }

  // What was to be seen at an instant, in seconds since 1970.
  at(now) {
    const votes = this.#votes(now);
    const counts = new Map();
    for (const [key] of votes) {
      const who = Number(key.split(" ")[0]);
      counts.set(who, (counts.get(who) ?? 0) + 1);
    }
    return {
      counts,
      labels: [...counts.values()].reduce((a, b) => a + b, 0),
      models: this.told.models.filter(([at]) => at <= now),
      disputes: disputes(votes),
      guess: this.told.guesses.filter((g) => g.asked_at <= now
        && (g.closed_at === null || now < g.closed_at)).at(-1) ?? null,
    };
  }

  // "student position" -> [group, class, student]: each student's last label of each image.
  #votes(now) {
    const votes = new Map();
    for (const [id, at, who, group, position, kind, place] of this.events) {
      if (at > now) break;
      if (kind === UNDO || (this.undone.get(id) ?? Infinity) <= now) continue;
      const key = `${who} ${position}`;
      if (kind === LABEL && place !== null) votes.set(key, [group, place]);
      else votes.delete(key);
    }
    return votes;
  }
}

// The images that students of one group say different classes of, the most disputed first:
// {group, position, votes: [[class, how many], …]}.
export function disputes(votes) {
  const images = new Map();
  for (const [key, [group, place]] of votes) {
    const name = `${group} ${key.split(" ")[1]}`;
    const counts = images.get(name) ?? new Map();
    counts.set(place, (counts.get(place) ?? 0) + 1);
    images.set(name, counts);
  }
  return [...images].filter(([, counts]) => counts.size > 1).map(([name, counts]) => {
    const [group, position] = name.split(" ").map(Number);
    const sorted = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    return { group, position, votes: sorted };
  }).sort((a, b) => discord(b) - discord(a) || a.position - b.position);
}

// How far votes lie apart: how many differ from most of them, and then how evenly.
function discord({ votes }) {
  const all = votes.reduce((sum, [, n]) => sum + n, 0);
  return (all - votes[0][1]) + (all - votes[0][1]) / all;
}

// The accuracy that a curve [[labels, accuracy], …] has at so many labels; null outside of it.
export function accuracyAt(curve, labels) {
  for (let i = 0; i < curve.length; i += 1) {
    const [x, y] = curve[i];
    if (x === labels) return y;
    if (x > labels) {
      if (i === 0) return null;
      const [before, low] = curve[i - 1];
      return low + ((y - low) * (labels - before)) / (x - before);
    }
  }
  return null;
}
