// Reads the parameters of the provider's redirect and removes them from the address bar. If the console started the flow
// in this browser and its session is still valid, sends them to the API and tells the console the result, but not the
// code. Otherwise shows them as text, for the caller who requested the URL.
"use strict";

const query = new URLSearchParams(location.search);
const element = (id) => document.getElementById(id);
const show = (title, message) => {
  element("title").textContent = title;
  element("message").textContent = message;
};

// The code must not stay in the history or reach another page.
history.replaceState(null, "", location.pathname);

const body = {};
for (const key of ["code", "state", "iss", "error", "error_description"]) {
  if (query.get(key)) body[key] = query.get(key).slice(0, 8192);
}

/** Finds the flow that the console started in this browser with this state: `{flow_id, provider}`, or null. */
function findFlow(state) {
  try {
    const flows = JSON.parse(localStorage.getItem("jackfield.flows")) ?? {};
    const flow = Object.hasOwn(flows, state) ? flows[state] : null;
    return typeof flow?.provider === "string" && typeof flow.flow_id === "string" ? flow : null;
  } catch {
    return null;
  }
}

/** Fetches the console's session in this browser, or null. */
async function fetchSession() {
  try {
    const response = await fetch("/api/session", { headers: { accept: "application/json" } });
    const session = response.ok ? await response.json() : {};
    return session.signed_in && session.csrf ? session : null;
  } catch {
    return null;
  }
}

function notifyConsole(flow, outcome) {
  const channel = new BroadcastChannel("jackfield-oauth");
  channel.postMessage({ flow_id: flow.flow_id, outcome });
  channel.close();
}

/** Shows the request that a person must send. */
function showManualStep() {
  element("body").value = JSON.stringify(body, null, 2);
  element("manual").hidden = false;
  element("copy").addEventListener("click", async () => {
    element("body").select();
    await navigator.clipboard.writeText(element("body").value);
    element("copy").textContent = "Copied";
  });
}

/** Sends the parameters to the API. The console can fetch the result by the flow's id. */
async function finishFlow(flow, { csrf }) {
  show("One moment…", body.code ? "The provider approved. Connecting…" : "The provider did not approve.");
  let problem = null;
  try {
    const response = await fetch(`/api/admin/connections/${encodeURIComponent(flow.provider)}/callback`, {
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json", "x-csrf-token": csrf },
      body: JSON.stringify(body),
    });
    if (!response.ok) problem = await response.json().catch(() => ({ detail: `The service responded with ${response.status}.` }));
  } catch {
    problem = { detail: "The service cannot be reached. Start again in the console." };
  }
  notifyConsole(flow, problem ? "failed" : "succeeded");
  if (problem) {
    show("Not connected", describeError() ?? problem.detail ?? "The service rejected the response.");
    if (problem.request_id) {
      element("request-id").textContent = `Request id ${problem.request_id}`;
      element("request-id").hidden = false;
    }
  } else {
    show("Connected", "You can close this window.");
  }
  element("done").hidden = false;
  element("close").addEventListener("click", () => close());
  if (!problem) close();
}

/** Describes the provider's error, or null if it sent none. */
function describeError() {
  if (!body.error) return null;
  const error = body.error === "access_denied" ? "The request was declined." : `The provider responded with ${body.error}.`;
  return body.error_description ? `${error} ${body.error_description}` : error;
}

async function start() {
  const flow = body.state && (body.code || body.error) ? findFlow(body.state) : null;
  const session = flow && (await fetchSession());
  if (session) {
    await finishFlow(flow, session);
    return;
  }
  if (body.error) show("Not connected", describeError());
  else if (body.code && body.state) {
    show(
      "Not connected yet",
      "The provider approved, but this browser cannot complete the sign-in: it was started elsewhere, took more than ten minutes, or you are signed out. Go back to the console, start again, and finish in the window that opens.",
    );
  }
  else show("Nothing to do here", "Providers redirect to this page. The address contains no code.");
  if (body.state && (body.code || body.error)) showManualStep();
}

start();
