// How a provider stands, in words: its status, what that means for the work meanwhile, and the one thing to do next.
import { ago, date } from "./format.js";
import { connectionPath } from "./router.js";

/** Two providers whose state is worse come before two whose state is better; what is not connected comes last. */
const RANK = { bad: 0, locked: 0, ask: 1, soon: 2, wait: 2, off: 3, ok: 4, none: 5 };

const again = (provider) => ({ label: "Connect again", to: connectionPath(provider), look: "primary" });
const check = { label: "Check now", does: "check", look: "plain" };
const plugin = (provider) => {
  const to = `/providers/${encodeURIComponent(provider)}`;
  return { label: "Look at the plugin", to, look: "plain" };
};

const TROUBLE = {
  rate_limited: ["Asked to wait", "The provider wants fewer questions for a while."],
  permission_missing: ["Right missing", "What needs the right that is named fails; all else works on."],
  provider_timeout: ["Provider slow", "It does not answer in time."],
  provider_error: ["Provider down", "It fails, or its answers can not be used."],
  plugin_fault: ["Plugin failed", "The plugin itself failed, not the provider."],
};

/** When work is tried again, as a sentence. */
function retry(connection, now) {
  if (!connection.retry_at || Date.parse(connection.retry_at) <= now) return "Work is tried again by itself.";
  return `Work waits, and is tried again by itself ${ago(connection.retry_at, now)}.`;
}

function ofConnection(provider, connection, now) {
  switch (connection.status) {
    case "connected":
      return { kind: "ok", word: "Connected", action: { ...check } };
    case "expiring":
      return {
        kind: "soon",
        word: "Expires soon",
        means: "Work runs as ever until then, and stops when the credential has run out.",
        action: again(provider),
      };
    case "needs_choice":
      return {
        kind: "ask",
        word: "Choose an organisation",
        means: "The credential opens several organisations. No work runs until you say which one this is for.",
        action: { label: "Choose the organisation", to: connectionPath(provider), look: "primary" },
        needsYou: true,
      };
    case "needs_reauth":
      return {
        kind: "bad",
        word: "Needs a new sign-in",
        means: "The provider takes the credential no more, so work fails. Mappings and settings are kept.",
        action: again(provider),
        needsYou: true,
      };
    case "unreadable":
      return {
        kind: "locked",
        word: "Unreadable",
        means: "What is stored does not open, so no work runs. The right master key brings it back; so does a new connect.",
        action: again(provider),
        needsYou: true,
      };
    default: {
      const [word, what] = TROUBLE[connection.last_check?.code] ?? ["In trouble", "The last work with it failed."];
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
      means: "Its plugin was taken out, so no work runs. Connection and mappings are kept for when it comes back.",
      action: { label: "Look at the plugins", to: "/providers", look: "plain" },
    };
  }
  const kept = connection ? " Its connection is kept." : "";
  const action = plugin(provider.id);
  switch (provider.state) {
    case "disabled":
      return { kind: "off", word: "Disabled", means: `Somebody took its plugin out of use, so no work runs.${kept}`, action };
    case "pending":
      return { kind: "ask", word: "Waits for approval", means: `Nobody has approved its plugin, so no work runs.${kept}`, action };
    case "broken":
      return {
        kind: "bad",
        word: "Plugin broken",
        means: `Its plugin can not be used, so no work runs.${kept}`,
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
      action: { label: "See what is wrong", to: "/service", look: "plain" },
    };
  }
  const plugged = ofPlugin(provider, connection);
  if (plugged) return plugged;
  const paused = Date.parse(provider.paused_until);
  if (paused > now) {
    return {
      kind: "wait",
      word: "Paused",
      means: `Its plugin failed again and again: it is left alone until ${date(provider.paused_until)}, and work fails.`,
      action: plugin(provider.id),
    };
  }
  if (connection) return ofConnection(provider.id, connection, now);
  const action = { label: "Connect", to: connectionPath(provider.id), look: "plain" };
  return { kind: "none", word: "Not connected", action };
}
