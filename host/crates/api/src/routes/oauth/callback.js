// Reads what the provider's redirect brought, and cleans the address bar. Where the console began the flow in this
// browser and its session lives, it redeems the code there, as the session's caller, and tells the console that it is
// over, never the code. Otherwise it redeems nothing: it shows the code as text, for whoever asked for the URL.
"use strict";

const query = new URLSearchParams(location.search);
const element = (id) => document.getElementById(id);
const say = (title, words) => {
  element("title").textContent = title;
  element("words").textContent = words;
};

// The code is not to stay in the history, nor to go to another page.
history.replaceState(null, "", location.pathname);

const body = {};
for (const key of ["code", "state", "iss", "error", "error_description"]) {
  if (query.get(key)) body[key] = query.get(key).slice(0, 8192);
}

/** The flow that the console of this browser began with this state: `{flow_id, provider}`, or none. */
function flowOf(state) {
  try {
    const flows = JSON.parse(localStorage.getItem("jackfield.flows")) ?? {};
    const flow = Object.hasOwn(flows, state) ? flows[state] : null;
    return typeof flow?.provider === "string" && typeof flow.flow_id === "string" ? flow : null;
  } catch {
    return null;
  }
}

/** Who is signed in to the console in this browser, if anybody. */
async function session() {
  try {
    const response = await fetch("/api/session", { headers: { accept: "application/json" } });
    const said = response.ok ? await response.json() : {};
    return said.signed_in && said.csrf ? said : null;
  } catch {
    return null;
  }
}

function tell(flow, outcome) {
  const channel = new BroadcastChannel("jackfield-oauth");
  channel.postMessage({ flow_id: flow.flow_id, outcome });
  channel.close();
}

/** Shows what is left to do by hand. */
function showAnswer() {
  element("body").value = JSON.stringify(body, null, 2);
  element("answer").hidden = false;
  element("copy").addEventListener("click", async () => {
    element("body").select();
    await navigator.clipboard.writeText(element("body").value);
    element("copy").textContent = "Copied";
  });
}

/** Sends the answer on. Every outcome is one that the console can ask for by the flow's id. */
async function redeem(flow, { csrf }) {
  say("One moment…", body.code ? "The provider agreed. Its answer is being checked." : "The provider did not agree.");
  let problem = null;
  try {
    const response = await fetch(`/api/admin/connections/${encodeURIComponent(flow.provider)}/callback`, {
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json", "x-csrf-token": csrf },
      body: JSON.stringify(body),
    });
    if (!response.ok) problem = await response.json().catch(() => ({ detail: `The service answered ${response.status}.` }));
  } catch {
    problem = { detail: "The service cannot be reached. Start again in the console." };
  }
  tell(flow, problem ? "failed" : "succeeded");
  if (problem) {
    say("Not connected", refusal() ?? problem.detail ?? "The service did not take the answer.");
    if (problem.request_id) {
      element("request").textContent = `Request id ${problem.request_id}`;
      element("request").hidden = false;
    }
  } else {
    say("Connected", "This window can be closed.");
  }
  element("done").hidden = false;
  element("close").addEventListener("click", () => close());
  if (!problem) close();
}

/** A provider's refusal in words, where it sent one. */
function refusal() {
  if (!body.error) return null;
  const refused = body.error === "access_denied" ? "The request was declined." : `The provider answered ${body.error}.`;
  return body.error_description ? `${refused} ${body.error_description}` : refused;
}

async function arrive() {
  const flow = body.state && (body.code || body.error) ? flowOf(body.state) : null;
  const who = flow && (await session());
  if (who) {
    await redeem(flow, who);
    return;
  }
  if (body.error) say("Not connected", refusal());
  else if (body.code && body.state) say("Almost connected", "The provider agreed. One step is left.");
  else say("Nothing to do here", "This address is where a provider sends the browser back to. It brought no code.");
  if (body.state && (body.code || body.error)) showAnswer();
}

arrive();
