// Which classes of a guess are drawn. Pure.

const MOST = 6; // bars; the likeliest

// The classes worth a bar: those of the model and of the class, the likeliest first.
export function shownPlaces(bars, votes, most = MOST) {
  const sum = Math.max(1, votes.reduce((a, b) => a + b, 0));
  const weight = (place) => Math.max(bars?.[place] ?? 0, votes[place] / sum);
  return votes.map((_, place) => place).filter((place) => weight(place) >= 0.01)
    .sort((a, b) => weight(b) - weight(a)).slice(0, most);
}
