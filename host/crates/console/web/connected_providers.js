// The connected providers, sorted by title, for the pages that map people.
import { useEvents } from "./events.js";
import { compareNames } from "./format.js";
import { getTitle, useConnections, usePlugins } from "./live_lists.js";
import { dropDirectory } from "./user_directory.js";
import { useMemo } from "./vendor/preact.js";

/** Returns `{providers: [{id, title, hasUsers}], problem, reload}`; `providers` is null until the lists are loaded. */
export function useConnectedProviders() {
  const { connections, problem, reload } = useConnections();
  const { plugins, problem: pluginsProblem, reload: reloadPlugins } = usePlugins();
  useEvents({ connection: true }, (kind, data) => {
    if (kind !== "connection") return;
    const before = connections?.find(({ provider }) => provider === data.provider);
    // It may be another organisation now, with other users.
    if (before?.connected_at !== data.connected_at || before?.org_name !== data.org_name) dropDirectory(data.provider);
  });
  const found =
    connections &&
    plugins &&
    connections.map(({ provider: id }) => {
      const plugin = plugins.find((one) => one.id === id);
      return { id, title: getTitle(plugin ?? { id }), hasUsers: plugin?.capabilities?.users ?? false };
    });
  found?.sort((a, b) => compareNames(a.title, b.title));
  // The same object while nothing changed, so that a health check does not draw the table again.
  const providers = useMemo(() => found, [JSON.stringify(found)]);
  const reloadAll = () => Promise.all([reload(), reloadPlugins()]);
  return { providers, problem: problem ?? pluginsProblem, reload: reloadAll };
}
