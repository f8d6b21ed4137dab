// The one way to the service: JSON by fetch, with the session's CSRF token. No code, token or secret is ever stored.

/** What the service refused, as its problem says it (RFC 9457). */
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

let current = { signed_in: false, oidc: false };
const listeners = new Set();

/** The session as it was last heard of: what `GET /api/session` answers, and `ended` once it is over. */
export const session = () => current;

/** Calls `listener` whenever the session changes; gives back how to stop it. */
export function onSession(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Takes a session over, from a sign-in or a look. */
export function setSession(next) {
  current = next;
  for (const listener of listeners) listener(next);
  return next;
}

/** Asks who is signed in. A session that was there and is not any more has ended. */
export async function loadSession() {
  const next = await call("GET", "/api/session");
  return setSession(current.signed_in && !next.signed_in ? { ...next, over: "ended" } : next);
}

/** Says that the session is over; `why` is `ended` (by itself), or `left` (signed out here). */
export function endSession(why = "ended") {
  if (current.signed_in) setSession({ signed_in: false, oidc: current.oidc, over: why });
}

const CHANGES = new Set(["POST", "PUT", "PATCH", "DELETE"]);

async function send(method, path, body, { signal, headers, isBackground } = {}) {
  const fields = new Headers(headers);
  // What nobody asked for at this moment keeps no session alive.
  if (isBackground) fields.set("x-background", "1");
  if (!fields.has("accept")) fields.set("accept", "application/json");
  if (CHANGES.has(method) && current.csrf) fields.set("x-csrf-token", current.csrf);
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

/** The answer as JSON. One that is cut off, as by a page that is left, or that is not JSON is a problem like any other. */
async function answerOf(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "No answer", detail: "The service's answer could not be read." });
  }
}

async function problemOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // A proxy in between may answer with a page of its own: the status has to do.
  }
  const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  body.request_id ??= response.headers.get("x-request-id");
  return new Problem(response.status, body, Number.isFinite(seconds) ? seconds : null);
}

/**
 * Calls the service. An object is sent as JSON; a text or a Blob as it is, with the content type among `headers`.
 * Gives the parsed answer, or with `raw` the whole Response; throws a Problem. A 401 ends the session. With
 * `isBackground` it is no doing of the person's, such as a poll.
 */
export async function call(method, path, body, options = {}) {
  let response = await send(method, path, body, options);
  if (response.status === 403 && CHANGES.has(method) && current.signed_in) {
    // Another tab may have signed in anew, which makes a new CSRF token. A 403 has changed nothing.
    const before = current.csrf;
    await loadSession();
    if (current.signed_in && current.csrf !== before) response = await send(method, path, body, options);
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.status === 401 && current.signed_in) endSession();
    throw problem;
  }
  if (options.raw) return response;
  return response.status === 204 ? null : answerOf(response);
}
