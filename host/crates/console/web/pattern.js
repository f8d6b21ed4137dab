// Whether a value looks as a component's pattern wants it, as far as a browser can safely tell while somebody types.

/** The service's patterns take linear time whatever they hold, a browser's do not: longer values are not held to them. */
const LONGEST = 256;

/** So many parts that repeat can be tried out on the longest value in a blink; with more it could take for ever. */
const MOST_REPEATS = 3;

/** Compiles a pattern of the service's kind for the whole value; null where this browser cannot, or should not. */
function compile(pattern) {
  // Classes aside: what stands in one is no repetition.
  const outside = pattern.replace(/\\./g, "_").replace(/\[(?:[^\]])*\]/g, "_");
  const repeats = outside.match(/(?<!\()[*+?]|\{\d/g) ?? [];
  if (repeats.length > MOST_REPEATS || /\)[*+{]/.test(outside)) return null;
  // A set within a set means something else to the older kind of expressions.
  const kinds = /&&|--|~~|\[[^\]]*\[/.test(pattern) ? ["v"] : ["v", "u"];
  for (const kind of kinds) {
    try {
      return new RegExp(`^(?:${pattern})$`, kind);
    } catch {
      // The other kind may take it.
    }
  }
  return null;
}

const compiled = new Map();

/** True, false, or null where it cannot be told here: the service judges in any case. */
export function looksRight(pattern, value) {
  if (!pattern || !value || value.length > LONGEST) return null;
  if (!compiled.has(pattern)) compiled.set(pattern, compile(pattern));
  const expression = compiled.get(pattern);
  return expression ? expression.test(value) : null;
}

/** What to mind about a value while it is typed; null where nothing is amiss. */
export function mind(field, value) {
  const text = value.trim();
  if (!text) return null;
  if (field.kind === "json") {
    try {
      JSON.parse(text);
      return null;
    } catch {
      return "This is not valid JSON yet. Paste or drop the whole file as you downloaded it.";
    }
  }
  const isWhole = { email: /^[^@\s]+@[^@\s]+\.[^@\s]+$/, url: /^https:\/\/[^\s/]+\.[^\s]+$/ };
  if (field.kind === "email" && !isWhole.email.test(text)) return "This is not a complete email address yet.";
  if (field.kind === "url" && !isWhole.url.test(text)) return "This is not a complete URL yet; it starts with https://";
  if (/[\r\n]/.test(text)) return "It contains a line break.";
  const isWrong = looksRight(field.pattern, text) === false;
  return isWrong ? `This does not look right for “${field.label}”. Compare it with the help above.` : null;
}
