// What a key press means. Pure: no state, no page. Actions are
// {do: "label", class} or {do: "skip" | "unsure" | "undo" | …}.

const COMMANDS = {
  u: "unsure", w: "why", m: "suggestion", z: "zoom", h: "help", f: "search",
};

const NAMED = {
  " ": "skip", Backspace: "undo", Enter: "accept", Escape: "close",
  ArrowLeft: "older", ArrowRight: "newer",
};

const SEARCH_FROM = 11; // classes; below that every class has its own digit

// Give each class (sorted by position) its keys:
// {digits: "3" -> class, letters: "s" -> class, hints: class id -> {digit, letter}, commands}.
function assignKeys(classes) {
  const digits = new Map();
  const letters = new Map();
  const hints = new Map(classes.map((c) => [c.id, { digit: "", letter: "" }]));
  const commands = { ...COMMANDS };
  if (classes.length < SEARCH_FROM) delete commands.f;

  const named = classes.length > 0 && classes.every((c) => /^[0-9]$/.test(c.name));
  classes.slice(0, 20).forEach((c, i) => {
    const digit = named ? c.name : String((i + 1) % 10);
    const key = i >= 10 && !named ? `⇧${digit}` : digit;
    digits.set(key, c);
    hints.get(c.id).digit = key;
  });

  const count = new Map();
  const first = (c) => [...c.name.trim().toLowerCase()][0] ?? "";
  for (const c of classes) count.set(first(c), (count.get(first(c)) ?? 0) + 1);
  for (const c of classes) {
    const letter = first(c);
    if (!/^\p{L}$/u.test(letter) || count.get(letter) > 1) continue;
    // A class called "U" is meant by the key U; the command then has only its button.
    if (c.name.trim().length === 1) delete commands[letter];
    else if (letter in commands) continue;
    letters.set(letter, c);
    hints.get(c.id).letter = letter;
  }
  return { digits, letters, hints, commands };
}

// Return the action of a keydown event, or null when the key is not ours.
function actionOf(event, keys) {
  if (event.repeat || event.isComposing || event.altKey) return null;
  if (event.ctrlKey || event.metaKey) {
    const undo = event.key.toLowerCase() === "z" && !event.shiftKey
      && event.ctrlKey !== event.metaKey;
    return undo ? { do: "undo" } : null;
  }
  const digit = digitOf(event, keys);
  if (digit !== null) {
    const chosen = keys.digits.get(digit);
    return chosen ? { do: "label", class: chosen } : null;
  }
  if (event.shiftKey) return null;
  if (event.key in NAMED) return { do: NAMED[event.key] };
  const letter = event.key.toLowerCase();
  if (keys.letters.has(letter)) return { do: "label", class: keys.letters.get(letter) };
  if (letter in keys.commands) return { do: keys.commands[letter] };
  return null;
}

// "3", "⇧3" or null. By position on the keyboard, since the digit row types "&é…" on a French
// one; there Shift types the digit itself, which counts when no class lies behind Shift.
function digitOf(event, keys) {
  const row = /^Digit([0-9])$/.exec(event.code);
  const typed = /^[0-9]$/.test(event.key);
  if (row && event.shiftKey) {
    if (keys.digits.has(`⇧${row[1]}`)) return `⇧${row[1]}`;
    return typed ? event.key : null;
  }
  if (row) return row[1];
  return typed && !event.shiftKey ? event.key : null;
}

// Whether somebody is typing: our keys are off then.
function isTyping(event) {
  const target = event.composedPath()[0];
  return target instanceof Element
    && (target.matches("input, textarea, select") || target.isContentEditable);
}

// Whether a button or link has the focus that Space and Enter belong to.
function isPressable(event) {
  const target = event.composedPath()[0];
  return target instanceof Element
    && target.closest("button, a[href], summary, [role=button], [role=option]") !== null;
}
