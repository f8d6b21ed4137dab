// The two lists that many pages need, connections and plugins: loaded once, cached, and updated by events.
import { call, isUnreachable, onSession } from "./api.js";
import { useEvents } from "./events.js";
import { toDisplayable } from "./format.js";
import { useCallback, useLayoutEffect, useState } from "./vendor/preact.js";

/**
 * Maximum number of requests for a list while events keep changing it. After that, the next event corrects the list.
 */
const MAX_REQUESTS = 3;

/**
 * How long a preloaded list counts as fresh: the event stream starts with a reload, so a second request is not needed.
 */
const FRESH_MS = 1_000;

const EMPTY = { cached: null, request: null, preloadedAt: -Infinity };

const lists = {
  connection: { path: "/api/admin/connections", items: "connections", key: "provider", ...EMPTY },
  provider: { path: "/api/admin/providers", items: "providers", key: "id", ...EMPTY },
};

// The next person to sign in must not see what the previous one loaded.
onSession((session) => {
  if (session.signed_in) return;
  for (const list of Object.values(lists)) Object.assign(list, EMPTY);
});

/** Loads both lists before a page needs them. Resolves when both have loaded or failed. */
export const preloadLists = () => Promise.allSettled(Object.values(lists).map(preloadList));

async function preloadList(list) {
  await load(list);
  list.preloadedAt = performance.now();
}

function load(list, isBackground = false) {
  list.request ??= fetchList(list, isBackground).finally(() => (list.request = null));
  return list.request;
}

/** Fetches a list, and again if an event arrived in the meantime: the response may be older than the event. */
async function fetchList(list, isBackground) {
  for (let requests = 1; ; requests += 1) {
    list.isOutdated = false;
    const answer = await call("GET", list.path, undefined, { isBackground });
    if (!list.isOutdated || requests === MAX_REQUESTS) return (list.cached = answer);
  }
}

/** Returns the list with one entry changed, added or removed, as an event says. */
function mergeChange(answer, list, change) {
  if (!answer) return answer;
  const id = change[list.key];
  const items = answer[list.items];
  const at = items.findIndex((item) => item[list.key] === id);
  if (change.removed) return { ...answer, [list.items]: items.filter((item) => item[list.key] !== id) };
  if (at < 0) return { ...answer, [list.items]: [...items, change] };
  return { ...answer, [list.items]: items.with(at, change) };
}

function useLiveList(kind) {
  const list = lists[kind];
  const [state, setState] = useState({ answer: list.cached, problem: null });
  const reload = useCallback(async ({ isBackground, isFirst } = {}) => {
    // A request that is in flight may be older than what the caller wants to see.
    if (!isFirst) list.isOutdated = true;
    try {
      setState({ answer: await load(list, isBackground), problem: null });
    } catch (problem) {
      // Nobody asked for this request, and the frame says that what is shown is old.
      if (!isBackground || !isUnreachable(problem)) setState((before) => ({ ...before, problem }));
    }
  }, []);
  // Before the first paint, because a preloaded list can be shown at once.
  useLayoutEffect(() => {
    if (performance.now() - list.preloadedAt > FRESH_MS) reload({ isFirst: true });
  }, []);
  useEvents({ [kind]: true }, (event, change) => {
    // A request that is in flight may return the list as it was before the change, so it is repeated.
    list.isOutdated = true;
    if (event === "resync") return reload({ isBackground: true });
    list.cached = mergeChange(list.cached, list, change);
    setState((before) => ({ ...before, answer: mergeChange(before.answer, list, change) }));
  });
  return { ...state, reload };
}

/** Returns `{connections, problem, reload}`: all connections, updated live; null until they are loaded. */
export function useConnections() {
  const { answer, problem, reload } = useLiveList("connection");
  return { connections: answer?.connections ?? null, problem, reload };
}

/** Returns `{plugins, folderProblem, problem, reload}`: all plugins, updated live; null until they are loaded. */
export function usePlugins() {
  const { answer, problem, reload } = useLiveList("provider");
  return { plugins: answer?.providers ?? null, folderProblem: answer?.folder_problem ?? null, problem, reload };
}

/** Returns the title of a provider, or its id if no plugin gives a title. */
export const titleOf = (plugins, id) => getTitle(plugins?.find((plugin) => plugin.id === id) ?? { id });

/** Returns the title of a plugin, or its id if it has none. The id of a file that is no plugin is the file's name. */
export const getTitle = ({ title, id }) => title ?? toDisplayable(id);
