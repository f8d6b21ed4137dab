// Chooses the page from the address, and changes the address through the history API. Each path is also a route of the
// API.
import { html, useEffect, useState } from "./vendor/preact.js";

const ROUTES = [
  ["connections", /^\/$/],
  ["signin", /^\/signin$/],
  ["connection", /^\/connections\/([^/]+)$/],
  ["users", /^\/connections\/([^/]+)\/users$/],
  ["match", /^\/connections\/([^/]+)\/match$/],
  ["people", /^\/people$/],
  ["mappings", /^\/mappings$/],
  ["plugins", /^\/providers$/],
  ["plugin", /^\/providers\/([^/]+)$/],
  ["audit", /^\/audit$/],
  ["service", /^\/service$/],
];

/** Parses the address into `{page, provider, path, query}`. The page of an unknown path is `missing`. */
function parseAddress() {
  const path = location.pathname.replace(/(.)\/+$/, "$1");
  const query = Object.fromEntries(new URLSearchParams(location.search));
  for (const [page, pattern] of ROUTES) {
    const found = pattern.exec(path);
    if (!found) continue;
    try {
      return { page, provider: found[1] === undefined ? null : decodeURIComponent(found[1]), path, query };
    } catch {
      break;
    }
  }
  return { page: "missing", provider: null, path, query };
}

/** Returns the page of a path. */
export const findPage = (path) => ROUTES.find(([, pattern]) => pattern.test(path))?.[0] ?? "missing";

let route = parseAddress();
let isNavigated = false;
const listeners = new Set();

/** Whether the page has changed since the console was loaded. On the first page, the browser sets the focus itself. */
export const hasNavigated = () => isNavigated;

function updateRoute() {
  const before = route;
  route = parseAddress();
  if (route.path !== before.path) isNavigated = true;
  for (const listener of listeners) listener(route);
}

// The position of a page is part of its entry in the history, because its content is loaded after the browser looks for it.
history.scrollRestoration = "manual";

/** How long a page that was opened with the Back button may take to get as long as it was. */
const RESTORE_MS = 5_000;

const scrollers = new Map();

/** The positions of the entry that is shown: `{page, [name]}`. */
let positions = history.state?.positions ?? null;

/** Has the entry keep the position of an element that scrolls: `read()` returns it. Returns a function that stops this. */
export function keepPosition(name, read) {
  scrollers.set(name, read);
  return () => scrollers.delete(name);
}

/** Returns the position that an element had when its page was left, once. */
export function takePosition(name) {
  const found = positions?.[name] ?? null;
  if (found !== null) delete positions[name];
  return found;
}

function storePositions() {
  const entries = [...scrollers].map(([name, read]) => [name, read()]);
  history.replaceState({ positions: { ...Object.fromEntries(entries), page: scrollY } }, "");
}

/** Scrolls to where the page was left, as soon as it is long enough. */
function restorePage() {
  const top = takePosition("page");
  if (!top) return;
  const scroll = () => {
    if (document.documentElement.scrollHeight < top + innerHeight) return;
    scrollTo(0, top);
    stop();
  };
  const observer = new ResizeObserver(scroll);
  const stop = () => observer.disconnect();
  observer.observe(document.body);
  setTimeout(stop, RESTORE_MS);
  // Somebody who scrolls meanwhile is somewhere on purpose.
  addEventListener("wheel", stop, { once: true, passive: true });
}

addEventListener("popstate", () => {
  positions = history.state?.positions ?? null;
  updateRoute();
  restorePage();
});
addEventListener("pagehide", storePositions);
restorePage();

/**
 * Opens a path of the console; `?…` alone changes the query. With `replace`, the history keeps no entry of the old
 * path.
 */
export function navigate(path, { replace = false } = {}) {
  const isOtherPage = new URL(path, location.href).pathname !== location.pathname;
  if (!replace) {
    storePositions();
    positions = null;
  }
  history[replace ? "replaceState" : "pushState"](null, "", path);
  updateRoute();
  if (isOtherPage) scrollTo(0, 0);
}

/** Returns the current route, and renders again when it changes. */
export function useRoute() {
  const [current, setCurrent] = useState(route);
  useEffect(() => {
    listeners.add(setCurrent);
    setCurrent(route);
    return () => listeners.delete(setCurrent);
  }, []);
  return current;
}

/** A link within the console. */
export function Link({ to, children, ...rest }) {
  const click = (event) => {
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!isPlain || event.defaultPrevented) return;
    event.preventDefault();
    navigate(to);
  };
  return html`<a href=${to} onClick=${click} ...${rest}>${children}</a>`;
}

/** Returns the path of a connection, or of its `users` or `match` page. */
export const connectionPath = (provider, page = "") =>
  `/connections/${encodeURIComponent(provider)}${page && `/${page}`}`;
