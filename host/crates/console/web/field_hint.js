// The hint below a field while somebody types: whether the value matches the format that the plugin declares.

/** Longer values are not checked: unlike the service's patterns, a browser's may take exponential time. */
const MAX_LENGTH = 256;

/**
 * Patterns with more repetitions than this are not checked, because they may take too long on a value of maximum
 * length.
 */
const MAX_REPETITIONS = 3;

/** Compiles a pattern of the service for the whole value. Returns null if this browser cannot run it, or not safely. */
function compile(pattern) {
  // Without escapes and character classes, because `*` inside one is not a repetition.
  const outside = pattern.replace(/\\./g, "_").replace(/\[(?:[^\]])*\]/g, "_");
  const repetitions = outside.match(/(?<!\()[*+?]|\{\d/g) ?? [];
  if (repetitions.length > MAX_REPETITIONS || /\)[*+{]/.test(outside)) return null;
  // Nested classes and set operations have this meaning only with the `v` flag.
  const flags = /&&|--|~~|\[[^\]]*\[/.test(pattern) ? ["v"] : ["v", "u"];
  for (const flag of flags) {
    try {
      return new RegExp(`^(?:${pattern})$`, flag);
    } catch {
      // Perhaps it is valid with the other flag.
    }
  }
  return null;
}

const compiled = new Map();

/** Returns whether a value matches a pattern, or null if that is unknown here. The service checks it in any case. */
function matchesPattern(pattern, value) {
  if (!pattern || !value || value.length > MAX_LENGTH) return null;
  if (!compiled.has(pattern)) compiled.set(pattern, compile(pattern));
  const expression = compiled.get(pattern);
  return expression ? expression.test(value) : null;
}

const COMPLETE = { email: /^[^@\s]+@[^@\s]+\.[^@\s]+$/, url: /^https:\/\/[^\s/]+\.[^\s]+$/ };

/** Returns a hint about a value, or null if nothing is wrong with it. */
export function findFieldHint(field, value) {
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
  if (field.kind === "email" && !COMPLETE.email.test(text)) return "This is not a complete email address yet.";
  if (field.kind === "url" && !COMPLETE.url.test(text)) return "This is not a complete URL yet. It starts with https://";
  if (/[\r\n]/.test(text)) return "It contains a line break.";
  const isWrong = matchesPattern(field.pattern, text) === false;
  return isWrong ? `This does not look like “${field.label}”. Compare it with the help above.` : null;
}
