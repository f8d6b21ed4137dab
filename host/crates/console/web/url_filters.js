// The filters of a list are part of the address, so that a link shows the same list, and a reload keeps it.
import { navigate } from "./router.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const TYPING_MS = 180;

/** Changes filters in the address's query; empty ones are removed. */
export function setFilters(query, changes) {
  const next = Object.entries({ ...query, ...changes }).filter(([, value]) => value);
  const text = new URLSearchParams(next).toString();
  navigate(text ? `?${text}` : location.pathname, { replace: true });
}

/** A filter that somebody types: the text changes at once, the address after a pause in typing. */
export function useTypedFilter(query, name) {
  const [text, setText] = useState(query[name] ?? "");
  const latest = useRef(query);
  latest.current = query;
  useEffect(() => {
    if (text.trim() === (latest.current[name] ?? "")) return undefined;
    const timer = setTimeout(() => setFilters(latest.current, { [name]: text.trim() }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}
