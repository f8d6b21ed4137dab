// The two lists that many pages need, connections and providers: asked once, kept while the page lives, and live.
import { call, onSession } from "./api.js";
import { useEvents } from "./events.js";
import { useCallback, useLayoutEffect, useState } from "./vendor/preact.js";

/** So often a list is asked for while events overtake its answers; where they go on, the next one mends it. */
const MOST_ASKED = 3;

/** So long after it was preloaded a list is not asked for again: the stream of events begins by doing that. */
const FRESH_MS = 1_000;

const NOTHING = { kept: null, asked: null, aheadAt: -Infinity };

const cache = {
  connection: { path: "/api/admin/connections", list: "connections", key: "provider", ...NOTHING },
  provider: { path: "/api/admin/providers", list: "providers", key: "id", ...NOTHING },
};

// What one person was shown is not the next one's to see.
onSession((session) => {
  if (session.signed_in) return;
  for (const one of Object.values(cache)) Object.assign(one, NOTHING);
});

/** Asks for both lists at once, before a page wants them; over when both are here or have failed. */
export const preload = () => Promise.allSettled(Object.values(cache).map(loadAhead));

async function loadAhead(one) {
  await load(one);
  one.aheadAt = performance.now();
}

function load(one, isBackground = false) {
  one.asked ??= ask(one, isBackground).finally(() => (one.asked = null));
  return one.asked;
}

/** Asks for a list. An answer may have been read before a change that an event has told of meanwhile: then once more. */
async function ask(one, isBackground) {
  for (let asked = 1; ; asked += 1) {
    one.isOvertaken = false;
    const answer = await call("GET", one.path, undefined, { isBackground });
    if (!one.isOvertaken || asked === MOST_ASKED) return (one.kept = answer);
  }
}

/** The list with one entry changed, added, or taken out, as an event says. */
function merge(answer, one, change) {
  if (!answer) return answer;
  const id = change[one.key];
  const rest = answer[one.list];
  const at = rest.findIndex((entry) => entry[one.key] === id);
  if (change.removed) return { ...answer, [one.list]: rest.filter((entry) => entry[one.key] !== id) };
  if (at < 0) return { ...answer, [one.list]: [...rest, change] };
  return { ...answer, [one.list]: rest.with(at, change) };
}

function useList(kind) {
  const one = cache[kind];
  const [state, set] = useState({ answer: one.kept, problem: null });
  const reload = useCallback(async ({ isBackground } = {}) => {
    try {
      set({ answer: await load(one, isBackground), problem: null });
    } catch (problem) {
      set((before) => ({ ...before, problem }));
    }
  }, []);
  // Before the page is painted, not after: the answer may be there already.
  useLayoutEffect(() => {
    if (performance.now() - one.aheadAt > FRESH_MS) reload();
  }, []);
  useEvents({ [kind]: true }, (what, change) => {
    if (what === "resync") return reload({ isBackground: true });
    one.isOvertaken = true;
    one.kept = merge(one.kept, one, change);
    set((before) => ({ ...before, answer: merge(before.answer, one, change) }));
  });
  return { ...state, reload };
}

/** `{connections, problem, reload}`: every connection, live; null while it is asked for the first time. */
export function useConnections() {
  const { answer, problem, reload } = useList("connection");
  return { connections: answer?.connections ?? null, problem, reload };
}

/** `{providers, folderProblem, problem, reload}`: every provider with its component, live; null at first. */
export function useProviders() {
  const { answer, problem, reload } = useList("provider");
  return { providers: answer?.providers ?? null, folderProblem: answer?.folder_problem ?? null, problem, reload };
}

/** What a provider is called: its title, or its id where no component says one. */
export const titleOf = (providers, id) => providers?.find((provider) => provider.id === id)?.title ?? id;
