// What a list is narrowed by lives in the address, so that it can be sent to somebody and survives a reload.
import { go } from "./router.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const TYPED_MS = 180;

/** Puts these into the address's query; empty ones leave it. */
export function narrow(query, changes) {
  const next = Object.entries({ ...query, ...changes }).filter(([, value]) => value);
  const text = new URLSearchParams(next).toString();
  go(text ? `?${text}` : location.pathname, { replace: true });
}

/** A text that is typed: shown at once, and put into the address when the typing rests. */
export function useTyped(query, name) {
  const [text, setText] = useState(query[name] ?? "");
  const latest = useRef(query);
  latest.current = query;
  useEffect(() => {
    if (text.trim() === (latest.current[name] ?? "")) return undefined;
    const timer = setTimeout(() => narrow(latest.current, { [name]: text.trim() }), TYPED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}

/** A file that is dropped anywhere on the page; gives whether one hovers. */
export function useDropped(onFile) {
  const [isOver, setOver] = useState(false);
  const latest = useRef(onFile);
  latest.current = onFile;
  useEffect(() => {
    const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const over = (event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event) => event.relatedTarget || setOver(false);
    const drop = (event) => {
      setOver(false);
      if (!hasFile(event)) return;
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      // What has a place of its own for files takes them itself.
      if (file && !event.target.closest?.(".drop, .field, dialog")) latest.current(file);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, []);
  return isOver;
}
