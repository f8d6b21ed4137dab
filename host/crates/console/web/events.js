// Live updates: one event stream from the service for all pages, and polling while the stream is down.
import { endSession, loadSession, session } from "./api.js";
import { useEffect, useRef } from "./vendor/preact.js";

const KINDS = ["connection", "provider", "mappings"];
const POLL_MS = 15_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** How long a hidden tab keeps its stream open. */
const HIDDEN_MS = 60_000;

const listeners = new Set();
let source = null;
let wasConnected = false;
let retryDelay = FIRST_RETRY_MS;
let retryTimer = 0;
let pollTimer = 0;
let hiddenTimer = 0;

function notify(kind, data) {
  for (const listener of [...listeners]) listener(kind, data);
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function close() {
  source?.close();
  source = null;
  clearTimeout(retryTimer);
  clearInterval(pollTimer);
  retryTimer = pollTimer = 0;
}

function open() {
  if (source || !listeners.size || !session().signed_in) return;
  clearTimeout(retryTimer);
  retryTimer = 0;
  source = new EventSource("/api/admin/events");
  source.onopen = () => {
    retryDelay = FIRST_RETRY_MS;
    clearInterval(pollTimer);
    pollTimer = 0;
    // Something may have changed between the page's own request and this moment.
    notify("resync", { isFirst: !wasConnected });
    wasConnected = true;
  };
  source.onerror = () => {
    const isClosed = source?.readyState === EventSource.CLOSED;
    pollTimer ||= setInterval(() => notify("resync", {}), POLL_MS);
    if (!isClosed) return;
    source = null;
    // The service rejected the stream: perhaps the session ended while no event could say so.
    loadSession().catch(() => {});
    retryTimer = setTimeout(open, retryDelay);
    retryDelay = Math.min(retryDelay * 2, MAX_RETRY_MS);
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const data = parseJson(event.data);
      if (data) notify(kind, data);
    });
  }
  // The service skipped events because this page read them too slowly.
  source.addEventListener("reload", () => notify("resync", {}));
  source.addEventListener("session", (event) => {
    if (!parseJson(event.data)?.ended) return;
    close();
    endSession();
  });
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.visibilityState === "hidden") hiddenTimer = setTimeout(close, HIDDEN_MS);
  else open();
});

/**
 * Calls `handler(kind, data)` for each event of the given `kinds` (`{connection: true, …}`). It also calls it with the
 * kind `resync` when events may have been missed, so that the page loads its data again; `data.isFirst` is set when
 * the stream has just been opened for the first time.
 */
export function useEvents(kinds, handler) {
  const latest = useRef(handler);
  latest.current = handler;
  const wanted = KINDS.filter((kind) => kinds[kind]).join(" ");
  useEffect(() => {
    const wantedKinds = wanted.split(" ");
    const listener = (kind, data) => {
      if (kind === "resync" || wantedKinds.includes(kind)) latest.current(kind, data);
    };
    listeners.add(listener);
    open();
    return () => {
      listeners.delete(listener);
      // The next page subscribes before this timeout, and keeps the stream open.
      setTimeout(() => listeners.size || close());
    };
  }, [wanted]);
}
