// Requests to the service: JSON by fetch, with the session's CSRF token. No code, token or secret is stored.

/** An error response of the service (RFC 9457). */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail ?? body.title ?? `The service answered ${status}.`);
    this.status = status;
    this.code = body.code ?? (status === 0 ? "unreachable" : "internal");
    this.title = body.title ?? "";
    this.detail = body.detail ?? "";
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    this.requestId = body.request_id ?? null;
    this.retryAfter = retryAfter ?? null;
  }
}

/** Whether a request got no answer of the service, which is usually over soon. */
export const isUnreachable = ({ code }) => code === "unreachable" || code === "proxy_unreachable";

let current = { signed_in: false, oidc: false };
const listeners = new Set();

/** Returns the last known session: the response of `GET /api/session`, and `over` once it has ended. */
export const session = () => current;

/** Calls `listener` when the session changes. Returns a function that stops this. */
export function onSession(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Replaces the known session, after a sign-in or a request for it. */
export function setSession(next) {
  current = next;
  for (const listener of listeners) listener(next);
  return next;
}

/** Asks the service who is signed in. If nobody is any more, the session has ended. */
export async function loadSession() {
  const next = await call("GET", "/api/session");
  return setSession(current.signed_in && !next.signed_in ? { ...next, over: "ended" } : next);
}

/** Marks the session as over: `ended` (expired, or ended elsewhere), `left` or `everywhere` (signed out here). */
export function endSession(over = "ended") {
  if (current.signed_in) setSession({ signed_in: false, oidc: current.oidc, over });
}

const CHANGING_METHODS = new Set(["POST", "PUT", "PATCH", "DELETE"]);

async function send(method, path, body, { signal, headers, isBackground } = {}) {
  const fields = new Headers(headers);
  // Requests that nobody made, such as polls, must not keep the session alive.
  if (isBackground) fields.set("x-background", "1");
  if (!fields.has("accept")) fields.set("accept", "application/json");
  if (CHANGING_METHODS.has(method) && current.csrf) fields.set("x-csrf-token", current.csrf);
  let content = body;
  const isJson = body !== undefined && !(body instanceof Blob) && typeof body !== "string";
  if (isJson) {
    content = JSON.stringify(body);
    fields.set("content-type", "application/json");
  }
  try {
    return await fetch(path, { method, body: content, headers: fields, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "No answer", detail: "The service cannot be reached." });
  }
}

/** Parses a response. An incomplete or invalid one throws a Problem like any other failure. */
async function parseAnswer(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "No answer", detail: "The service's answer could not be read." });
  }
}

/** Describes a response of a proxy in front of the service as a Problem. */
function describeProxyAnswer(status) {
  const codes = { 413: "proxy_too_large", 502: "proxy_unreachable", 503: "proxy_unreachable", 504: "proxy_timeout" };
  return { code: codes[status] ?? "proxy", detail: `The proxy in front of Jackfield answered ${status}.` };
}

async function parseProblem(response) {
  let body = {};
  try {
    body = (await response.json()) ?? {};
  } catch {
    // A proxy in between may answer with a page of its own. Only the status is known then.
  }
  const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  body.request_id ??= response.headers.get("x-request-id");
  // Every answer of the service has a request id.
  if (body.code === undefined && !response.headers.has("x-request-id")) body = describeProxyAnswer(response.status);
  return new Problem(response.status, body, Number.isFinite(seconds) ? seconds : null);
}

/**
 * Calls the service. An object is sent as JSON; a string or a Blob unchanged, with its content type in `headers`.
 * Returns the parsed response, or with `raw` the whole Response. Throws a Problem. A 401 ends the session. Set
 * `isBackground` for requests that nobody made, such as polls.
 */
export async function call(method, path, body, options = {}) {
  let response = await send(method, path, body, options);
  if (response.status === 403 && CHANGING_METHODS.has(method) && current.signed_in) {
    // Another tab may have signed in again, which creates a new CSRF token. A 403 changed nothing, so a retry is safe.
    const before = current.csrf;
    await loadSession();
    if (current.signed_in && current.csrf !== before) response = await send(method, path, body, options);
  }
  if (!response.ok) {
    const problem = await parseProblem(response);
    if (problem.status === 401 && current.signed_in) endSession();
    throw problem;
  }
  if (options.raw) return response;
  return response.status === 204 ? null : parseAnswer(response);
}
