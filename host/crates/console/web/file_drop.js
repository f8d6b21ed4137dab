// Files that somebody drops: on the whole page, or on a box with a button to choose a file.
import { Icon } from "./icons.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

/** Calls `onFile` with a file that is dropped anywhere on the page. Returns whether one is over the page. */
export function useFileDrop(onFile) {
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
      // These elements handle dropped files themselves.
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

/** A box to drop one file on, with a button to choose one. `onFile` gets the File. */
export function FileDrop({ label, help, accept, onFile }) {
  const [isOver, setOver] = useState(false);
  const depth = useRef(0);
  const enter = (event) => {
    event.preventDefault();
    depth.current += 1;
    setOver(true);
  };
  const leave = () => {
    depth.current -= 1;
    if (depth.current <= 0) setOver(false);
  };
  const drop = (event) => {
    event.preventDefault();
    depth.current = 0;
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file) onFile(file);
  };
  const choose = (event) => {
    const file = event.currentTarget.files[0];
    event.currentTarget.value = "";
    if (file) onFile(file);
  };
  return html`
    <div class=${`drop ${isOver ? "over" : ""}`} onDragEnter=${enter} onDragOver=${(event) => event.preventDefault()}
      onDragLeave=${leave} onDrop=${drop}>
      <${Icon} name="upload" />
      <div>
        <label class="file-button">${label}<input type="file" class="visually-hidden" accept=${accept}
          onChange=${choose} /></label>
        ${help && html`<p class="muted small">${help}</p>`}
      </div>
    </div>
  `;
}
