// How a provider stands, in words: its status, what that means for the work meanwhile, and the one thing to do next.
import { ago, date } from "./format.js";
import { connectionPath } from "./router.js";

/** Two providers whose state is worse come before two whose state is better; what is not connected comes last. */
const RANK = { bad: 0, locked: 0, ask: 1, soon: 2, wait: 2, off: 3, ok: 4, none: 5 };

const again = (provider) => ({ label: "Reconnect", to: connectionPath(provider), look: "primary" });
const check = { label: "Check now", does: "check", look: "plain" };
const plugin = (provider) => {
  const to = `/providers/${encodeURIComponent(provider)}`;
  return { label: "View plugin", to, look: "plain" };
};

const TROUBLE = {
  rate_limited: ["Rate limited", "The provider asked for fewer requests for a while."],
  permission_missing: ["Permission missing", "Work that needs it fails; everything else keeps working."],
  provider_timeout: ["Provider slow", "It is not responding in time."],
  provider_error: ["Provider down", "It is failing, or its answers cannot be used."],
  plugin_fault: ["Plugin failed", "The plugin itself failed, not the provider."],
};

/** When work is tried again, as a sentence. */
function retry(connection, now) {
  if (!connection.retry_at || Date.parse(connection.retry_at) <= now) return "Work is retried automatically.";
  return `Work waits and is retried automatically ${ago(connection.retry_at, now)}.`;
}

function ofConnection(provider, connection, now) {
  switch (connection.status) {
    case "connected":
      return { kind: "ok", word: "Connected", action: { ...check } };
    case "expiring":
      return {
        kind: "soon",
        word: "Expires soon",
        means: "Work continues as usual until then, and stops once the credential has expired.",
        action: again(provider),
      };
    case "needs_choice":
      return {
        kind: "ask",
        word: "Choose an organisation",
        means: "The credential gives access to several organisations. No work runs until you choose one.",
        action: { label: "Choose organisation", to: connectionPath(provider), look: "primary" },
        needsYou: true,
      };
    case "needs_reauth":
      return {
        kind: "bad",
        word: "Needs a new sign-in",
        means: "The provider no longer accepts the credential, so work fails. Mappings and settings are kept.",
        action: again(provider),
        needsYou: true,
      };
    case "unreadable":
      return {
        kind: "locked",
        word: "Unreadable",
        means: "The stored credential cannot be opened, so no work runs. The right master key restores it; so does reconnecting.",
        action: again(provider),
        needsYou: true,
      };
    default: {
      const [word, what] = TROUBLE[connection.last_check?.code] ?? ["Having trouble", "The last call to it failed."];
      const needsYou = connection.last_check?.code === "permission_missing";
      return {
        kind: needsYou ? "bad" : "wait",
        word,
        means: `${what} The credential is kept. ${retry(connection, now)}`,
        action: { ...check, look: "primary" },
        needsYou,
      };
    }
  }
}

function ofPlugin(provider, connection) {
  if (!provider) {
    return {
      kind: "off",
      word: "Plugin gone",
      means: "Its plugin was removed, so no work runs. The connection and its mappings are kept for when it comes back.",
      action: { label: "View plugins", to: "/providers", look: "plain" },
    };
  }
  const kept = connection ? " Its connection is kept." : "";
  const action = plugin(provider.id);
  switch (provider.state) {
    case "disabled":
      return { kind: "off", word: "Plugin paused", means: `Its plugin was paused, so no work runs.${kept}`, action };
    case "pending":
      return { kind: "ask", word: "Awaiting approval", means: `Its plugin is not approved: no work runs.${kept}`, action };
    case "broken":
      return {
        kind: "bad",
        word: "Plugin broken",
        means: `Its plugin cannot be used, so no work runs.${kept}`,
        action,
        needsYou: Boolean(connection),
      };
    default:
      return null;
  }
}

/**
 * How one provider stands: `{kind, word, means, action, needsYou, hasReason, rank}`. `provider` is null where its plugin is gone,
 * `connection` where there is none; `isSealed` says that the service has no key. `action` is `{label, look}` with `to`
 * or `does`; `hasReason` tells that the connection's own reason says more.
 */
export function standing({ provider, connection, isSealed, now = Date.now() }) {
  const found = judge({ provider, connection, isSealed, now });
  const hasReason = Boolean(connection) && !isSealed && connection.status !== "needs_choice";
  return { means: null, needsYou: false, hasReason, ...found, rank: RANK[found.kind] };
}

function judge({ provider, connection, isSealed, now }) {
  if (isSealed) {
    return {
      kind: "locked",
      word: "Sealed",
      means: connection
        ? "The service has no key to open the credential, so no work runs. Nothing is lost."
        : "The service has no key, so nothing can be connected.",
      action: { label: "See details", to: "/service", look: "plain" },
    };
  }
  const plugged = ofPlugin(provider, connection);
  if (plugged) return plugged;
  const paused = Date.parse(provider.paused_until);
  if (paused > now) {
    return {
      kind: "wait",
      word: "Backing off",
      means: `Its plugin failed repeatedly and is left alone until ${date(provider.paused_until)}. Work fails till then.`,
      action: plugin(provider.id),
    };
  }
  if (connection) return ofConnection(provider.id, connection, now);
  const action = { label: "Connect", to: connectionPath(provider.id), look: "plain" };
  return { kind: "none", word: "Not connected", action };
}
