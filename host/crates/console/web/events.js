// What changes on the server, as it changes: one stream for all pages, a slow poll where there is none.
import { endSession, loadSession, session } from "./api.js";
import { useEffect, useRef } from "./vendor/preact.js";

const KINDS = ["connection", "provider", "mappings"];
const POLL_MS = 15_000;
const LONGEST_WAIT_MS = 30_000;
/** A tab that nobody looks at gives its connection to the service back after so long. */
const HIDDEN_MS = 60_000;

const listeners = new Set();
let source = null;
let isLive = false;
let wasLive = false;
let wait = 1_000;
let again = 0;
let poll = 0;
let hiding = 0;

function tell(kind, data) {
  for (const listener of [...listeners]) listener(kind, data);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function close() {
  source?.close();
  source = null;
  isLive = false;
  clearTimeout(again);
  clearInterval(poll);
  again = poll = 0;
}

function open() {
  if (source || !listeners.size || !session().signed_in) return;
  clearTimeout(again);
  again = 0;
  source = new EventSource("/api/admin/events");
  source.onopen = () => {
    isLive = true;
    wait = 1_000;
    clearInterval(poll);
    poll = 0;
    // Something may have changed between the page's own look and this moment.
    tell("resync", { isFirst: !wasLive });
    wasLive = true;
  };
  source.onerror = () => {
    const isOver = source?.readyState === EventSource.CLOSED;
    isLive = false;
    poll ||= setInterval(() => tell("resync", {}), POLL_MS);
    if (!isOver) return;
    source = null;
    // Turned away: the session may be over, which the stream had no time to say.
    loadSession().catch(() => {});
    again = setTimeout(open, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const data = parsed(event.data);
      if (data) tell(kind, data);
    });
  }
  // This page was too slow for what was told meanwhile.
  source.addEventListener("reload", () => tell("resync", {}));
  source.addEventListener("session", (event) => {
    if (!parsed(event.data)?.ended) return;
    close();
    endSession();
  });
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.visibilityState === "hidden") hiding = setTimeout(close, HIDDEN_MS);
  else open();
});

/** Whether changes arrive by themselves at this moment. */
export const live = () => isLive;

/**
 * Calls `handler(kind, data)` for each of the `kinds` asked for (`{connection: true, …}`), and with the kind `resync`
 * whenever changes may have been missed: then what is shown is to be loaded anew. `isFirst` is in its data when the
 * stream has just begun.
 */
export function useEvents(kinds, handler) {
  const latest = useRef(handler);
  latest.current = handler;
  const wanted = KINDS.filter((kind) => kinds[kind]).join(" ");
  useEffect(() => {
    const asked = wanted.split(" ");
    const listener = (kind, data) => {
      if (kind === "resync" || asked.includes(kind)) latest.current(kind, data);
    };
    listeners.add(listener);
    open();
    return () => {
      listeners.delete(listener);
      // The next page asks within the same turn: its stream is this one.
      setTimeout(() => listeners.size || close());
    };
  }, [wanted]);
}
