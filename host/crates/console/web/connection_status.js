// The status of a connection in words: what it is, what it means for work in the meantime, and what to do next.
import { formatAgo, formatDate } from "./format.js";
import { connectionPath } from "./router.js";

/** The order of the connections page: statuses that need attention first, providers that are not connected last. */
const RANK = { bad: 0, locked: 0, ask: 1, soon: 2, wait: 2, off: 3, ok: 4, none: 5 };

const getReconnect = (provider) => ({ label: "Reconnect", to: connectionPath(provider), look: "primary" });
const getViewPlugin = (provider) => ({
  label: "View plugin",
  to: `/providers/${encodeURIComponent(provider)}`,
  look: "plain",
});
const CHECK_NOW = { label: "Check now", does: "check", look: "plain" };

/** How long the result of a check is shown as the current state. */
const FRESH_MS = 15 * 60_000;

/** Whether nobody knows that a connection still works, because the last call to its provider was long ago. */
const isOld = ({ last_check: last }, now) => !last || now - Date.parse(last.at) > FRESH_MS;

/** The codes of a failed check. */
const CHECK_FAILURES = {
  rate_limited: ["Rate limited", "The provider asked for fewer requests for a while."],
  permission_missing: ["Permission missing", "Work that needs the permission fails; everything else keeps working."],
  provider_timeout: ["Provider slow", "It does not respond in time."],
  provider_error: ["Provider down", "It fails, or its responses cannot be used."],
  plugin_fault: ["Plugin failed", "The plugin itself failed, not the provider."],
};

/**
 * Describes the status of a provider: `{kind, word, means, action, needsYou, hasReason, rank}`, and perhaps `todo`, `needed`
 * and `isOld`.
 *
 * `plugin` is null if it was removed, `connection` if there is none; `isSealed` says that the service has no key.
 * `action` is `{label, look}` with either `to` or `does`. `hasReason` says that the connection's own reason adds something.
 * `needed` lists the secrets that have to be entered again, in words, and `todo` says what can be done. `isOld` says that
 * it worked when it was last called, which was long ago.
 */
export function describeStatus({ plugin, connection, isSealed, now = Date.now() }) {
  const status = findStatus({ plugin, connection, isSealed, now });
  const hasReason = Boolean(connection) && !isSealed && connection.status !== "needs_choice";
  return { means: null, needsYou: false, hasReason, ...status, rank: RANK[status.kind] };
}

function findStatus({ plugin, connection, isSealed, now }) {
  if (isSealed) {
    return {
      kind: "locked",
      word: "Sealed",
      means: connection
        ? "The service has no key to decrypt the credential, so no work runs. Nothing is lost."
        : "The service has no key, so nothing can be connected.",
      action: { label: "See details", to: "/service", look: "plain" },
    };
  }
  const pluginStatus = findPluginStatus(plugin, connection);
  if (pluginStatus) return pluginStatus;
  if (Date.parse(plugin.paused_until) > now) {
    return {
      kind: "wait",
      word: "Backing off",
      means: `Its plugin failed repeatedly and is not called until ${formatDate(plugin.paused_until)}. Work fails until then.`,
      action: getViewPlugin(plugin.id),
    };
  }
  if (connection) return findConnectionStatus(plugin, connection, now);
  const action = { label: "Connect", to: connectionPath(plugin.id), look: "plain" };
  return { kind: "none", word: "Not connected", action };
}

/** Returns the status of a plugin that does not run, or null. */
function findPluginStatus(plugin, connection) {
  if (!plugin) {
    return {
      kind: "off",
      word: "Plugin removed",
      means: "Its plugin was removed, so no work runs. The connection and its mappings are kept for its return.",
      action: { label: "View plugins", to: "/providers", look: "plain" },
    };
  }
  const kept = connection ? " Its connection is kept." : "";
  const action = getViewPlugin(plugin.id);
  switch (plugin.state) {
    case "disabled":
      return {
        kind: "off",
        word: "Plugin paused",
        means: `Its plugin was paused, so no work runs.${kept}`,
        action,
        hasReason: false,
      };
    case "pending":
      return {
        kind: "ask",
        word: "Awaiting approval",
        means: `Its plugin is not approved, so no work runs.${kept}`,
        action,
        hasReason: false,
      };
    case "broken":
      return {
        kind: "bad",
        word: "Plugin broken",
        means: `Its plugin cannot be used, so no work runs.${kept}`,
        action,
        needsYou: Boolean(connection),
      };
    case "checking":
      return {
        kind: "wait",
        word: "Plugin being checked",
        means: `Its plugin is being checked, so no work runs.${kept}`,
        action,
      };
    default:
      return null;
  }
}

/** The secrets for which the connection has to be connected again because of its plugin's version, or null. */
function findNeeded(plugin, connection) {
  // The reason contains each of these sentences. A connection can also need a new sign-in because of the provider.
  const needed = (plugin.secrets_again ?? []).filter((sentence) => connection.reason?.includes(sentence));
  return connection.status === "needs_reauth" && needed.length ? needed : null;
}

function findConnectionStatus(plugin, connection, now) {
  const provider = plugin.id;
  if (connection.disconnect) return describeStartedDisconnect(provider, connection.disconnect, now);
  const needed = findNeeded(plugin, connection);
  if (needed) {
    return {
      kind: "bad",
      word: "Needs its secret again",
      means: `Version ${plugin.version} of its plugin sends a stored secret to other destinations than before. Nothing was sent there, and work fails until somebody decides. Mappings and settings are kept.`,
      todo: "If the provider owns the new destinations, reconnect. If it does not, go back to the plugin's previous version.",
      action: getReconnect(provider),
      needsYou: true,
      needed,
      hasReason: false,
    };
  }
  switch (connection.status) {
    case "connected":
      return { kind: "ok", word: "Connected", isOld: isOld(connection, now), action: { ...CHECK_NOW } };
    case "expiring":
      return {
        kind: "soon",
        word: "Expires soon",
        means: "Work runs as usual until the credential expires, and stops then.",
        action: getReconnect(provider),
      };
    case "needs_choice":
      return {
        kind: "ask",
        word: "Choose an organisation",
        means: "The credential gives access to several organisations. No work runs until you choose one.",
        action: { label: "Choose organisation", to: connectionPath(provider), look: "primary" },
        needsYou: true,
      };
    case "needs_reauth": {
      if (plugin.missing_fields?.length) {
        return {
          kind: "bad",
          word: "Needs more fields",
          means: `Version ${plugin.version} of its plugin requires fields that nobody has entered, so work fails. Mappings and settings are kept.`,
          todo: "Reconnect and enter them, or go back to the plugin's previous version.",
          action: getReconnect(provider),
          needsYou: true,
        };
      }
      return {
        kind: "bad",
        word: "Needs a new sign-in",
        means: "The provider no longer accepts the credential, so work fails. Mappings and settings are kept.",
        action: getReconnect(provider),
        needsYou: true,
      };
    }
    case "unreadable":
      return {
        kind: "locked",
        word: "Unreadable",
        means:
          "The stored credential cannot be decrypted, so no work runs. Start the service with the right master key, or reconnect.",
        action: getReconnect(provider),
        needsYou: true,
      };
    default: {
      const code = connection.last_check?.code;
      const [word, reason] = CHECK_FAILURES[code] ?? ["Having trouble", "The last call to it failed."];
      const needsYou = code === "permission_missing";
      return {
        kind: needsYou ? "bad" : "wait",
        word,
        means: `${reason} The credential is kept. ${describeNextStep(connection, needsYou, now)}`,
        action: { ...CHECK_NOW, look: "primary" },
        needsYou,
      };
    }
  }
}

function describeStartedDisconnect(provider, { by, at }, now) {
  return {
    kind: "off",
    word: "Disconnecting",
    means: `${by} started to disconnect it ${formatAgo(at, now)}. Its credential may already be revoked, so work may fail. If that was interrupted, Jackfield completes it automatically.`,
    todo: "To complete it now, disconnect it again. To keep the connection, connect it again: that cancels the disconnect.",
    action: { label: "View connection", to: connectionPath(provider), look: "plain" },
    hasReason: false,
  };
}

/** Says what shows whether a failing connection works again: nothing asks the provider until somebody does. */
function describeNextStep({ last_check: last, retry_at }, needsYou, now) {
  if (needsYou) return "Grant the permission at the provider, then check again.";
  const isHeld = last?.code === "rate_limited" && Date.parse(retry_at) > now;
  if (isHeld) return `Calls are rejected until ${formatDate(retry_at)}. Check after that whether it works again.`;
  return "Work that needs it may fail. Check now to see whether it works again.";
}
