// Which page is shown: the address is the state, by the history API. Each path here is a line in the service's api.rs.
import { html, useEffect, useState } from "./vendor/preact.js";

const ROUTES = [
  ["connections", /^\/$/],
  ["signin", /^\/signin$/],
  ["connect", /^\/connections\/([^/]+)$/],
  ["users", /^\/connections\/([^/]+)\/users$/],
  ["match", /^\/connections\/([^/]+)\/match$/],
  ["people", /^\/people$/],
  ["mappings", /^\/mappings$/],
  ["providers", /^\/providers$/],
  ["provider", /^\/providers\/([^/]+)$/],
  ["audit", /^\/audit$/],
  ["service", /^\/service$/],
];

/** Reads an address: `{page, provider, path, query}`; a page that is none is `missing`. */
function read() {
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

/** The page of a path. */
export const pageOf = (path) => ROUTES.find(([, pattern]) => pattern.test(path))?.[0] ?? "missing";

let route = read();
const listeners = new Set();
let moves = 0;

/** How often the page has changed since the start: none yet means that the browser set the focus itself. */
export const moved = () => moves;

function arrive() {
  const before = route;
  route = read();
  if (route.path !== before.path) moves += 1;
  for (const listener of listeners) listener(route);
}

addEventListener("popstate", arrive);

/** Goes to a path of the console. With `replace` the one before is forgotten; `?…` alone changes the query. */
export function go(path, { replace = false } = {}) {
  const leaves = new URL(path, location.href).pathname !== location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", path);
  arrive();
  if (leaves) scrollTo(0, 0);
}

/** The page that is shown now. */
export function useRoute() {
  const [now, set] = useState(route);
  useEffect(() => {
    listeners.add(set);
    set(route);
    return () => listeners.delete(set);
  }, []);
  return now;
}

/** A link within the console. */
export function Link({ to, children, ...rest }) {
  const click = (event) => {
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!plain || event.defaultPrevented) return;
    event.preventDefault();
    go(to);
  };
  return html`<a href=${to} onClick=${click} ...${rest}>${children}</a>`;
}

/** The path of a provider's page: its connection, or with `page` its users, its match. */
export const connectionPath = (provider, page = "") =>
  `/connections/${encodeURIComponent(provider)}${page && `/${page}`}`;
