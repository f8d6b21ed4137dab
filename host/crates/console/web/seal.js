// Whether the service is sealed: without its master key it can decrypt no credential.
import { call } from "./api.js";
import { useEvents } from "./events.js";
import { useEffect, useState } from "./vendor/preact.js";

/** Returns `{isSealed, reason}`. */
export function useSeal() {
  const [key, setKey] = useState(null);
  const load = (options) =>
    call("GET", "/api/admin/service", undefined, options).then((service) => setKey(service.key), () => {});
  useEffect(() => {
    load();
  }, []);
  // A restart with the right key unseals the service, and also reopens the event stream.
  useEvents({}, (_, { isFirst }) => isFirst || load({ isBackground: true }));
  return { isSealed: key?.state === "sealed", reason: key?.reason ?? null };
}
