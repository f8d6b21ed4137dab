// The providers that are connected, by title, as the pages about people need them.
import { useConnections, useProviders } from "./data.js";
import { forget } from "./directory.js";
import { useEvents } from "./events.js";
import { compare } from "./format.js";
import { useMemo } from "./vendor/preact.js";

/** `{connected: [{id, title, users}], problem, reload}`; `connected` is null until it is known. */
export function useConnected() {
  const { connections, problem, reload } = useConnections();
  const { providers, problem: other, reload: reloadOther } = useProviders();
  useEvents({ connection: true }, (kind, data) => {
    if (kind !== "connection") return;
    const before = connections?.find(({ provider }) => provider === data.provider);
    // Another organisation may be behind it now.
    if (before?.connected_at !== data.connected_at || before?.org_name !== data.org_name) forget(data.provider);
  });
  const found =
    connections &&
    providers &&
    connections.map(({ provider }) => {
      const entry = providers.find(({ id }) => id === provider);
      return { id: provider, title: entry?.title ?? provider, users: entry?.capabilities?.users ?? false };
    });
  found?.sort((a, b) => compare(a.title, b.title));
  // A check that changes nothing here gives the same object, so that nothing is drawn anew.
  const connected = useMemo(() => found, [JSON.stringify(found)]);
  const again = () => Promise.all([reload(), reloadOther()]);
  return { connected, problem: problem ?? other, reload: again };
}
