// Writes exceptions to the log. The host only learns that a function failed, not which exception it threw.

/** The number of lines of a stack that are logged. */
const MAX_LINES = 12;

/** Returns the provider with functions that log what they throw by mistake, such as a `TypeError`, and throw it again. */
export function logMistakes(provider, log) {
  const wrap = ([name, run]) => [
    name,
    (...args) => {
      try {
        return run.apply(provider, args);
      } catch (error) {
        // The errors of the contract are plain objects with a tag.
        if (error instanceof Error) {
          const lines = [`${name} failed: ${error}`, ...String(error.stack ?? "").split("\n")];
          for (const line of lines.filter(Boolean).slice(0, MAX_LINES)) log("error", line);
        }
        throw error;
      }
    },
  ];
  return Object.fromEntries(Object.entries(provider).map(wrap));
}
