// Buttons that show one kind of a list, each with the number of items.
import { formatNumber } from "./format.js";
import { html } from "./vendor/preact.js";

/** `kinds` are `{key, label, count}`, and `all` is the number of all items. `onChoose` gets a key, or `all`. */
export function FilterButtons({ label, all, kinds, chosen, onChoose }) {
  const shown = [{ key: "all", label: "All", count: all }, ...kinds.filter(({ count }) => count > 0)];
  return html`
    <div class="filters" role="group" aria-label=${label}>
      ${shown.map(
        ({ key, label: word, count }) => html`<button key=${key} type="button" class="filter"
        aria-pressed=${chosen === key ? "true" : "false"}
          onClick=${() => onChoose(key)}>${word} <b>${formatNumber(count)}</b></button>`,
      )}
    </div>
  `;
}
