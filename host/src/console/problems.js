// What each code of the API means for a person: what happened, what it means for the connections, what to do.

const NOTHING_CHANGED = "Nothing was changed. Every connection works on as before.";

// code: [what happened, what it means, what to do]
const WORDS = {
  unreachable: [
    "The service does not answer",
    "What this page shows may be old. Connections are kept in the service and are not touched by this.",
    "See whether the service runs and the network is there, then try again.",
  ],
  invalid_request: ["Something in it is not right", NOTHING_CHANGED, "Mend what is named here, and send it again."],
  unauthenticated: ["You are not signed in any more", NOTHING_CHANGED, "Sign in again; you come back to this page."],
  forbidden: ["This is not yours to do", NOTHING_CHANGED, "Ask an Executive to do it, or sign in as one."],
  unknown_provider: [
    "There is no such provider",
    "Its plugin was removed, or the address is mistyped.",
    "Look at the plugins for what there is.",
  ],
  unknown_person: ["There is no such person", "Somebody may have removed them meanwhile.", "Load the list anew."],
  not_found: ["There is no such thing", NOTHING_CHANGED, "It may have ended meanwhile: load the page anew."],
  conflict: [
    "Somebody changed this meanwhile",
    "Nothing was done, so nothing of theirs is lost.",
    "Look at how it stands now, then decide again.",
  ],
  not_connected: ["This provider is not connected", "There is nothing to ask it for yet.", "Connect it first."],
  needs_choice: [
    "An organisation is to be chosen first",
    "The credential opens several; until one is chosen no work runs.",
    "Choose the one that this connection is for.",
  ],
  needs_reauth: [
    "The provider takes the credential no more",
    "Work that needs this connection fails until it is connected again. Mappings are kept.",
    "Connect it again with a fresh credential.",
  ],
  permission_missing: [
    "The credential lacks a right",
    "What needs that right fails; all else works on.",
    "Give the credential the right that is named, at the provider, then check again.",
  ],
  credential_rejected: [
    "The provider refused the credential",
    "Nothing was stored. What was connected before still is.",
    "Compare what you entered with the provider's own page, and try again.",
  ],
  unsupported: ["This provider can not do that", NOTHING_CHANGED, "There is nothing to mend here."],
  rate_limited: [
    "The provider asked to wait",
    "Work waits too, and is tried again by itself.",
    "Try again when the time is over.",
  ],
  provider_error: [
    "The provider's answer could not be used",
    "It is usually a passing trouble there. The connection is kept, and work is tried again by itself.",
    "Try again in a moment; if it stays, look at the provider's status page.",
  ],
  provider_timeout: [
    "The provider did not answer in time",
    "The connection is kept, and work is tried again by itself.",
    "Try again in a moment.",
  ],
  plugin_fault: [
    "The plugin failed",
    "Work that needs this provider fails until it is well. Connection and credentials are not touched.",
    "Try again; if it stays, go back to the plugin's version before, or tell its author the request id.",
  ],
  plugin_not_approved: [
    "The plugin may not run",
    "Its connection is kept, and no work runs through it until it is approved.",
    "Approve it under Plugins.",
  ],
  overloaded: [
    "Too much at once",
    NOTHING_CHANGED,
    "Try again in a few seconds.",
  ],
  sealed: [
    "The service is sealed",
    "Its master key is missing or wrong, so no stored credential opens: no work runs, and nothing is lost or changed.",
    "Start the service with the right key. The page Service says what is wrong with it.",
  ],
  internal: [
    "Something went wrong inside Jackfield",
    "What you asked for may not have been done. Stored connections are not touched.",
    "Try again; if it stays, look for the request id in the service's log.",
  ],
};

/** `{title, means, todo}` for a Problem, or for any other error. */
export function explain(problem) {
  const [title, means, todo] = WORDS[problem?.code] ?? WORDS.internal;
  const wait = problem?.retryAfter;
  return { title, means, todo: wait ? `${todo} That is in ${wait} s.` : todo };
}

/** The provider's own word for a refusal, out of the sentence that the API makes of it; null where there is none. */
export function wordOf(detail) {
  const word = /refused the credential: (.+); nothing was stored/s.exec(detail ?? "")?.[1];
  return word ?? null;
}
