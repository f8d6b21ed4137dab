// Explains each error code of the API: what happened, what it means for the connections, what to do.

const NOTHING_CHANGED = "Nothing was changed. Every connection keeps working.";

// code: [what happened, what it means, what to do]
const EXPLANATIONS = {
  unreachable: [
    "The service is not responding",
    "What this page shows may be out of date. Connections are kept in the service and are not affected.",
    "Check that the service is running and that you are online, then try again.",
  ],
  invalid_request: ["Some of the input is not valid", NOTHING_CHANGED, "Correct what is named here, and send it again."],
  unauthenticated: ["You are no longer signed in", NOTHING_CHANGED, "Sign in again. You return to this page afterwards."],
  forbidden: ["You are not allowed to do this", NOTHING_CHANGED, "Ask an Executive to do it, or sign in as one."],
  unknown_provider: [
    "Provider not found",
    "Its plugin was removed, or the address is mistyped.",
    "See the list of plugins.",
  ],
  unknown_person: ["Person not found", "Someone may have removed them in the meantime.", "Reload the list."],
  not_found: ["Not found", NOTHING_CHANGED, "It may have ended in the meantime. Reload the page."],
  conflict: [
    "Someone changed this in the meantime",
    "Nothing was done, so none of their changes are lost.",
    "Look at the current state, then decide again.",
  ],
  not_connected: ["This provider is not connected", "It can be used once it is connected.", "Connect it first."],
  needs_choice: [
    "Choose an organisation first",
    "The credential gives access to several; no work runs until one is chosen.",
    "Choose the organisation for this connection.",
  ],
  needs_reauth: [
    "The provider no longer accepts the credential",
    "Work that needs this connection fails until it is reconnected. Mappings are kept.",
    "Reconnect it with a new credential.",
  ],
  permission_missing: [
    "The credential lacks a permission",
    "Work that needs that permission fails; everything else keeps working.",
    "Grant the named permission at the provider, then check again.",
  ],
  credential_rejected: [
    "The provider rejected the credential",
    "Nothing was changed. A previously stored credential is still in place.",
    "Compare what you entered with the provider's own page, and try again.",
  ],
  unsupported: ["This provider cannot do that", NOTHING_CHANGED, "There is nothing to fix here."],
  rate_limited: [
    "The provider is limiting requests",
    "Calls to it are rejected until then.",
    "Try again when the wait is over.",
  ],
  provider_error: [
    "The provider's answer could not be used",
    "It is usually a passing problem on its side. What was connected before is kept.",
    "Try again in a moment. If it keeps happening, look at the provider's status page.",
  ],
  provider_timeout: [
    "The provider did not answer in time",
    "It is usually a passing problem on its side. What was connected before is kept.",
    "Try again in a moment.",
  ],
  plugin_fault: [
    "The plugin failed",
    "Work that needs this provider fails until it recovers. Connection and credentials are not affected.",
    "Try again. If it keeps happening, go back to the plugin's previous version, or tell its author the request id.",
  ],
  plugin_not_approved: [
    "The plugin is not approved",
    "Its connection is kept, but no work runs through it until the plugin is approved.",
    "Approve it under Plugins.",
  ],
  overloaded: ["The service is busy", NOTHING_CHANGED, "Try again in a few seconds."],
  sealed: [
    "The service is sealed",
    "Its master key is missing or wrong, so stored credentials cannot be decrypted. No work runs, but nothing is lost.",
    "Start the service with the right key. The Service page says what is wrong with it.",
  ],
  // These are answers of a proxy in front of the service; `api.js` describes them.
  proxy: [
    "The proxy in front of Jackfield rejected the request",
    "The request did not reach Jackfield.",
    "Ask whoever runs the proxy. Its log says why.",
  ],
  proxy_too_large: [
    "The proxy in front of Jackfield does not accept a file of this size",
    "The request did not reach Jackfield, so nothing was changed. Jackfield itself accepts files of up to 32 MiB.",
    "Send a smaller file, or have the proxy accept 32 MiB.",
  ],
  proxy_unreachable: [
    "The proxy in front of Jackfield cannot reach it",
    "Your request may not have been carried out. Stored connections are not affected.",
    "Check that Jackfield is running and that the proxy has its address, then reload the page.",
  ],
  proxy_timeout: [
    "The proxy in front of Jackfield timed out",
    "Jackfield may still be working on the request, or may have stopped when the proxy gave up.",
    "Reload the page to see the current state. The proxy should wait at least 120 s.",
  ],
  // The code of this one is `forbidden`.
  other_site: [
    "Jackfield does not know this page's address",
    NOTHING_CHANGED,
    "If you opened this page at Jackfield's own address, its operator must set JACKFIELD_PUBLIC_URL to that address, as " +
      "the browser shows it.",
  ],
  internal: [
    "Something went wrong inside Jackfield",
    "Your request may not have been carried out. Stored connections are not affected.",
    "Try again. If it keeps happening, look for the request id in the service's log.",
  ],
};

/** Returns `{title, means, todo}` for a Problem or any other error. */
export function explainProblem(problem) {
  // The service says so if the origin of a page is not its own, such as behind a proxy that sends another host name.
  const isOtherSite = problem?.code === "forbidden" && problem.detail?.includes("JACKFIELD_PUBLIC_URL");
  const [title, means, todo] = EXPLANATIONS[isOtherSite ? "other_site" : problem?.code] ?? EXPLANATIONS.internal;
  const wait = problem?.retryAfter;
  return { title, means, todo: wait ? `${todo} Wait ${wait} s.` : todo };
}

/** Returns what an error code means in a few words, or the text itself if it is none. */
export const explainCode = (text) => EXPLANATIONS[text]?.[0] ?? text;

/**
 * Returns the reason that the provider gave for rejecting a credential, or null. The API reports it as
 * `the provider rejected the credential: {reason}. Nothing was changed; …`.
 */
export function extractRejectionReason(detail) {
  return /rejected the credential: (.+)\. Nothing was changed;/s.exec(detail ?? "")?.[1] ?? null;
}
