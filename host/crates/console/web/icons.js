// The console's icons, as paths on a 20 by 20 grid. They accompany words, so screen readers skip them.
import { html } from "./vendor/preact.js";

const PATHS = {
  check: "M4.5 10.5l3.6 3.6 7.4-8.2",
  clock: "M10 3.2a6.8 6.8 0 100 13.6 6.8 6.8 0 000-13.6zM10 6.4V10l2.6 1.8",
  wait: "M6 3.5h8M6 16.5h8M7 3.5v2.6L10 10l3-3.9V3.5M7 16.5v-2.6L10 10l3 3.9v2.6",
  warn: "M10 3.2l7.4 13H2.6zM10 8v3.6M10 13.9v.2",
  bad: "M10 3.2a6.8 6.8 0 100 13.6 6.8 6.8 0 000-13.6zM7.6 7.6l4.8 4.8M12.4 7.6l-4.8 4.8",
  choice: "M4 6h2M4 10h2M4 14h2M9 6h7M9 10h7M9 14h7",
  lock: "M5.5 9h9v7.5h-9zM7.4 9V6.6a2.6 2.6 0 015.2 0V9",
  off: "M10 3.2a6.8 6.8 0 100 13.6 6.8 6.8 0 000-13.6zM5.4 5.4l9.2 9.2",
  plug: "M7 3v4M13 3v4M5.2 7h9.6v2.4a4.8 4.8 0 01-9.6 0zM10 14.2V17",
  idle: "M10 3.6a6.4 6.4 0 100 12.8 6.4 6.4 0 000-12.8z",
  pause: "M7.2 4.5v11M12.8 4.5v11",
  info: "M10 3.2a6.8 6.8 0 100 13.6 6.8 6.8 0 000-13.6zM10 9.2v4.2M10 6.5v.2",
  people: "M7.5 9.5a2.8 2.8 0 100-5.6 2.8 2.8 0 000 5.6zM2.5 16c.4-3 2.4-4.4 5-4.4s4.6 1.4 5 4.4M13 4.2a2.8 2.8 0 010 5.2M15 11.8c1.5.6 2.3 2 2.5 4.2",
  link: "M8.4 11.6a3 3 0 004.3 0l2.7-2.7a3 3 0 10-4.3-4.3l-.9.9M11.6 8.4a3 3 0 00-4.3 0l-2.7 2.7a3 3 0 104.3 4.3l.9-.9",
  box: "M10 2.8l6.5 3.4v7.6L10 17.2l-6.5-3.4V6.2zM3.5 6.2L10 9.6l6.5-3.4M10 9.6v7.6",
  list: "M5 3.5h10v13H5zM7.5 7h5M7.5 10h5M7.5 13h3",
  pulse: "M2.5 10h3.7L8.5 4.5l3.2 11 2.2-5.5h3.6",
  menu: "M3.5 6h13M3.5 10h13M3.5 14h13",
  user: "M10 9.8a3.2 3.2 0 100-6.4 3.2 3.2 0 000 6.4zM3.8 17c.6-3.4 3-5 6.2-5s5.6 1.6 6.2 5",
  out: "M11.5 5H16v10h-4.5M12.5 10H4M7 7l-3 3 3 3M11.5 5V3.5",
  eye: "M2.5 10S5.3 5 10 5s7.5 5 7.5 5-2.8 5-7.5 5-7.5-5-7.5-5zM10 12.3a2.3 2.3 0 100-4.6 2.3 2.3 0 000 4.6z",
  hidden: "M3.5 3.5l13 13M8 5.3A8 8 0 0110 5c4.7 0 7.5 5 7.5 5a13 13 0 01-2.2 2.7M5 6.8A13 13 0 002.5 10s2.8 5 7.5 5a7.6 7.6 0 003.3-.8M8.4 8.4a2.3 2.3 0 003.2 3.2",
  upload: "M10 13.5V4M6.5 7.5L10 4l3.5 3.5M4 13v3.5h12V13",
  away: "M8 5H4.5v10.5H15V12M11 4h5v5M16 4l-7 7",
  search: "M8.8 3.5a5.3 5.3 0 100 10.6 5.3 5.3 0 000-10.6zM12.8 12.8l3.7 3.7",
  close: "M5 5l10 10M15 5L5 15",
  back: "M12 4.5L6.5 10l5.5 5.5",
  next: "M8 4.5l5.5 5.5L8 15.5",
  refresh: "M16 6.5A6.8 6.8 0 104.3 13.7M16.5 3v4h-4",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  plus: "M10 4v12M4 10h12",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6",
  download: "M10 4v9.5M6.5 10L10 13.5l3.5-3.5M4 13v3.5h12V13",
  undo: "M7 4L3.5 7.5 7 11M3.5 7.5H12a4.2 4.2 0 010 8.4H8",
};

/** One icon, in the size of the surrounding text. */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d=${PATHS[name] ?? PATHS.idle} /></svg>
`;

/** The logo, the same as `icon.svg`; inline, so that it needs no request. */
export const Logo = () => html`
  <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" fill="#2a50d0" />
    <g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round">
      <path d="M8 11h7a4 4 0 0 1 4 4v6" /><path d="M24 21h-5" />
    </g>
    <g fill="#fff">
      <circle cx="8" cy="11" r="2.6" /><circle cx="24" cy="21" r="2.6" />
      <circle cx="24" cy="11" r="2.6" opacity=".45" /><circle cx="8" cy="21" r="2.6" opacity=".45" />
    </g>
  </svg>
`;
