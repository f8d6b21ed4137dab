// Live updates: one event stream from the service for all tabs of a browser, and polling while the stream is down.
//
// Browsers open only six HTTP/1.1 connections to a host, and a stream uses one. So one tab holds a lock, reads the
// stream and passes the events on to the others. Locks exist only on secure origins; on others, each visible tab reads
// a stream of its own. Hidden tabs never do.
import { endSession, loadSession, onSession, session } from "./api.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const KINDS = ["connection", "provider", "mappings"];
/** The name of the lock and of the channel between the tabs. */
const NAME = "jackfield-events";
const POLL_MS = 15_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** How long a hidden tab keeps the stream open: shorter without locks, because each tab has one then. */
const HIDDEN_MS = navigator.locks ? 60_000 : 1_000;

const listeners = new Set();
const streamListeners = new Set();
const channel = new BroadcastChannel(NAME);
/** Distinguishes this tab from the others. */
const TAB = `${Date.now()} ${Math.random()}`;
/** Whether somebody is signed in; null until that is known. */
let isSignedIn = null;
let source = null;
/** Ends the wait for the lock, or gives it back. Null while this tab does neither. */
let resign = null;
/** Whether the stream is up, whichever tab reads it, and since when it is not. */
let stream = { isUp: null, downSince: null };
let wasConnected = false;
/** Whether events were missed while this tab was hidden. */
let isOutdated = false;
let retryDelay = FIRST_RETRY_MS;
let retryTimer = 0;
let pollTimer = 0;
let hiddenTimer = 0;

const isHidden = () => document.visibilityState === "hidden";

function notify(kind, data) {
  // A hidden tab loads its lists again when somebody looks at it.
  if (kind === "resync" && isHidden() && wasConnected) isOutdated = true;
  else for (const listener of [...listeners]) listener(kind, data);
}

function setStream(isUp) {
  if (stream.isUp === isUp) return;
  stream = { isUp, downSince: isUp ? null : new Date().toISOString() };
  for (const listener of streamListeners) listener(stream);
}

/** Handles a message of the stream, in the tab that reads it and in the others. */
function receive({ kind, data, to }) {
  // The answer to another tab's question, or one that this tab knows already.
  if (to && (to !== TAB || stream.isUp)) return;
  if (kind === "up") {
    setStream(true);
    // Something may have changed between the page's own request and this moment.
    notify("resync", { isFirst: !wasConnected });
    wasConnected = true;
  } else if (kind === "down") setStream(false);
  else if (kind === "ended") {
    // The others get this message too.
    isSignedIn = false;
    endSession();
  } else notify(kind, data);
}

/** Passes a message on to all tabs. */
function publish(message) {
  if (navigator.locks) channel.postMessage(message);
  receive(message);
}

channel.onmessage = ({ data }) => {
  // A tab that was just opened asks whether another one reads the stream.
  if (data?.kind === "hello") {
    if (source && stream.isUp !== null) channel.postMessage({ kind: stream.isUp ? "up" : "down", to: data.from });
  } else if (data?.kind === "session") {
    // Another tab signed in or out.
    if (isSignedIn === data.isSignedIn) return;
    isSignedIn = data.isSignedIn;
    loadSession().catch(() => {});
    // Without locks, each tab has its own stream.
  } else if (navigator.locks && listeners.size && data?.kind) receive(data);
};

onSession((who) => {
  // Not when the console is loaded, because nothing changed then.
  if (isSignedIn !== null && who.signed_in !== isSignedIn) {
    channel.postMessage({ kind: "session", isSignedIn: who.signed_in });
  }
  isSignedIn = who.signed_in;
  if (isSignedIn) start();
  else stop();
});

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function closeStream() {
  source?.close();
  source = null;
  clearTimeout(retryTimer);
  clearInterval(pollTimer);
  retryTimer = pollTimer = 0;
}

function openStream() {
  if (source) return;
  clearTimeout(retryTimer);
  retryTimer = 0;
  source = new EventSource("/api/admin/events");
  source.onopen = () => {
    retryDelay = FIRST_RETRY_MS;
    clearInterval(pollTimer);
    pollTimer = 0;
    publish({ kind: "up" });
  };
  source.onerror = () => {
    const isClosed = source?.readyState === EventSource.CLOSED;
    publish({ kind: "down" });
    pollTimer ||= setInterval(() => publish({ kind: "resync", data: {} }), POLL_MS);
    if (!isClosed) return;
    source = null;
    // The service rejected the stream: perhaps the session ended while no event could say so.
    loadSession().catch(() => {});
    retryTimer = setTimeout(openStream, retryDelay);
    retryDelay = Math.min(retryDelay * 2, MAX_RETRY_MS);
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const data = parseJson(event.data);
      if (data) publish({ kind, data });
    });
  }
  // The service skipped events because this page read them too slowly.
  source.addEventListener("reload", () => publish({ kind: "resync", data: {} }));
  source.addEventListener("session", (event) => {
    if (parseJson(event.data)?.ended) publish({ kind: "ended" });
  });
}

/** Reads the stream as soon as no other tab does, if a visible page needs it. */
function start() {
  if (resign || !listeners.size || !session().signed_in || isHidden()) return;
  let isOver = false;
  let release = null;
  const waiting = new AbortController();
  resign = () => {
    isOver = true;
    resign = null;
    waiting.abort();
    release?.();
    closeStream();
  };
  if (!navigator.locks) return openStream();
  const lead = () =>
    new Promise((resolve) => {
      release = resolve;
      if (isOver) resolve();
      else openStream();
    });
  navigator.locks.request(NAME, { signal: waiting.signal }, lead).catch(() => {});
  channel.postMessage({ kind: "hello", from: TAB });
  return undefined;
}

/** Closes the stream, and lets another tab read it. */
const stop = () => resign?.();

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (isHidden()) hiddenTimer = setTimeout(stop, HIDDEN_MS);
  else {
    start();
    if (isOutdated) {
      isOutdated = false;
      notify("resync", {});
    }
  }
});

// A frozen tab gets no messages.
document.addEventListener("resume", () => (isOutdated = true));

// A page that the browser keeps for the Back button must not keep the stream, or the lock.
addEventListener("pagehide", stop);
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  start();
  notify("resync", {});
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
    start();
    return () => {
      listeners.delete(listener);
      // The next page subscribes before this timeout, and keeps the stream open.
      setTimeout(() => listeners.size || stop());
    };
  }, [wanted]);
}

/** Returns `{isUp, downSince}`: whether the stream of events is up; `isUp` is null until that is known. */
export function useStream() {
  const [state, setState] = useState(stream);
  useEffect(() => {
    streamListeners.add(setState);
    setState(stream);
    return () => streamListeners.delete(setState);
  }, []);
  return state;
}
