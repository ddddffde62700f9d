// Our own icons: 16 px, one stroke of 1.5, drawn in the colour of the text beside them. Each is only decoration:
// the words beside it, or the label of its button, say the same.
import type { ReactElement } from "react";

export type Icon = () => ReactElement;

function draw(path: string): Icon {
  return () => (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      className="icon"
    >
      <path d={path} />
    </svg>
  );
}

export const IconOverview = /* @__PURE__ */ draw("M2.5 13.5v-5M6.2 13.5v-9M9.8 13.5V7M13.5 13.5v-11");
export const IconDomain = draw(
  "M8 1.75a6.25 6.25 0 1 0 0 12.5 6.25 6.25 0 0 0 0-12.5ZM2 8h12M8 1.75c2 2 2.7 4 2.7 6.25S10 12.25 8 14.25C6 12.25 5.3 10.25 5.3 8S6 3.75 8 1.75",
);
export const IconAlias = draw(
  "M10.75 5.25v3.6c0 1 .6 1.65 1.5 1.65 1.2 0 2-1.05 2-2.6a6.25 6.25 0 1 0-2.6 5M10.75 8a2.75 2.75 0 1 1-5.5 0 2.75 2.75 0 0 1 5.5 0Z",
);
export const IconInbox = draw(
  "M1.75 9h3.5l1 1.75h3.5l1-1.75h3.5M1.75 9v3.5a1 1 0 0 0 1 1h10.5a1 1 0 0 0 1-1V9l-2-6a1 1 0 0 0-1-.75h-6.5a1 1 0 0 0-1 .75l-2 6Z",
);
export const IconLog = /* @__PURE__ */ draw("M2.5 4h.01M2.5 8h.01M2.5 12h.01M5.5 4h8M5.5 8h8M5.5 12h5");
export const IconQueue = /* @__PURE__ */ draw(
  "M8 4.5V8l2.25 1.5M14.25 8a6.25 6.25 0 1 1-12.5 0 6.25 6.25 0 0 1 12.5 0Z",
);
export const IconBilling = draw(
  "M1.75 4.5a1 1 0 0 1 1-1h10.5a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H2.75a1 1 0 0 1-1-1v-7ZM1.75 6.75h12.5M4.25 10h2",
);
export const IconCode = /* @__PURE__ */ draw(
  "M5 4.5 1.75 8 5 11.5M11 4.5 14.25 8 11 11.5M9.25 2.75l-2.5 10.5",
);
export const IconTeam = draw(
  "M8.25 5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0ZM1.5 13.5c.2-2.5 1.9-4 4.25-4s4.05 1.5 4.25 4M10.75 2.75a2.5 2.5 0 0 1 0 4.5M11.5 9.75c1.75.35 2.85 1.7 3 3.75",
);
export const IconShield = draw(
  "M8 1.75 13.25 3.5v4c0 3.25-2.1 5.6-5.25 6.75C4.85 13.1 2.75 10.75 2.75 7.5v-4L8 1.75ZM5.75 8l1.6 1.6L10.5 6.4",
);
export const IconPerson = draw(
  "M10.75 5a2.75 2.75 0 1 1-5.5 0 2.75 2.75 0 0 1 5.5 0ZM2.5 14c.3-2.9 2.4-4.5 5.5-4.5s5.2 1.6 5.5 4.5",
);
export const IconStaff = draw(
  "M9.5 6.5 14 11v2.5h-2.5l-.75-.75v-1h-1v-1h-1L7.5 9.5M9.5 5A3.75 3.75 0 1 1 2 5a3.75 3.75 0 0 1 7.5 0ZM5 4.5h.01",
);
export const IconSearch = /* @__PURE__ */ draw(
  "M11.75 7a4.75 4.75 0 1 1-9.5 0 4.75 4.75 0 0 1 9.5 0ZM10.5 10.5l3.25 3.25",
);
export const IconMenu = /* @__PURE__ */ draw("M2 4.5h12M2 8h12M2 11.5h12");
export const IconMore = /* @__PURE__ */ draw("M3.5 8h.01M8 8h.01M12.5 8h.01");
export const IconClose = /* @__PURE__ */ draw("M3.75 3.75l8.5 8.5M12.25 3.75l-8.5 8.5");
export const IconPlus = /* @__PURE__ */ draw("M8 3v10M3 8h10");
export const IconDown = /* @__PURE__ */ draw("M4 6l4 4 4-4");
export const IconRight = /* @__PURE__ */ draw("M6 4l4 4-4 4");
export const IconLeft = /* @__PURE__ */ draw("M10 4 6 8l4 4");
export const IconUp = /* @__PURE__ */ draw("M4 10l4-4 4 4");
export const IconUpDown = /* @__PURE__ */ draw("M5 6l3-3 3 3M5 10l3 3 3-3");
export const IconCopy = draw(
  "M5.75 5.75v-3a1 1 0 0 1 1-1h6.5a1 1 0 0 1 1 1v6.5a1 1 0 0 1-1 1h-3M1.75 6.75a1 1 0 0 1 1-1h6.5a1 1 0 0 1 1 1v6.5a1 1 0 0 1-1 1h-6.5a1 1 0 0 1-1-1v-6.5Z",
);
export const IconCheck = /* @__PURE__ */ draw("M3 8.5l3.25 3.25L13 4.75");
export const IconTrash = draw(
  "M2.5 4.25h11M6 4V2.5h4V4M4 4.25l.6 8.4a1 1 0 0 0 1 .85h4.8a1 1 0 0 0 1-.85l.6-8.4M6.75 7v3.75M9.25 7v3.75",
);
export const IconEdit = draw(
  "M2.5 13.5l.6-2.8 7.9-7.9a1 1 0 0 1 1.4 0l.8.8a1 1 0 0 1 0 1.4l-7.9 7.9-2.8.6ZM9.75 4l2.25 2.25",
);
export const IconSend = /* @__PURE__ */ draw("M14 2 7 9M14 2 9.5 14 7 9 2 6.5 14 2Z");
export const IconRefresh = draw(
  "M13.5 2.75v3.5H10M2.5 13.25v-3.5H6M13.25 6.25A5.5 5.5 0 0 0 3.4 5M2.75 9.75A5.5 5.5 0 0 0 12.6 11",
);
export const IconFilter = /* @__PURE__ */ draw("M2 4h12M4.5 8h7M6.75 12h2.5");
export const IconDownload = /* @__PURE__ */ draw("M8 2.25v8M4.75 7.25 8 10.5l3.25-3.25M2.5 13.5h11");
export const IconExternal = draw(
  "M9.5 2.5h4v4M13.5 2.5 7.5 8.5M11.5 9v3.5a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1H7",
);
export const IconSun = draw(
  "M10.75 8a2.75 2.75 0 1 1-5.5 0 2.75 2.75 0 0 1 5.5 0ZM8 1.5v1.25M8 13.25v1.25M1.5 8h1.25M13.25 8h1.25M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
);
export const IconMoon = /* @__PURE__ */ draw("M13.5 9.6A5.75 5.75 0 1 1 6.4 2.5a4.75 4.75 0 0 0 7.1 7.1Z");
export const IconScreen = draw(
  "M1.75 3.5a1 1 0 0 1 1-1h10.5a1 1 0 0 1 1 1V10a1 1 0 0 1-1 1H2.75a1 1 0 0 1-1-1V3.5ZM5.5 13.75h5M8 11v2.75",
);
export const IconExit = /* @__PURE__ */ draw(
  "M6.25 2.5h-3a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h3M10.5 11l3-3-3-3M13.25 8h-7",
);
export const IconKey = draw(
  "M7.75 10.25a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM7 8l6.5-6.5M11 4l2 2M9.25 5.75l1.25 1.25",
);
export const IconLock = /* @__PURE__ */ draw(
  "M3.25 7.25h9.5v6.5h-9.5zM5.25 7.25V5a2.75 2.75 0 0 1 5.5 0v2.25",
);
export const IconInfo = /* @__PURE__ */ draw(
  "M14.25 8a6.25 6.25 0 1 1-12.5 0 6.25 6.25 0 0 1 12.5 0ZM8 7.5v3.25M8 5.25h.01",
);
export const IconTable = draw(
  "M1.75 3.5a1 1 0 0 1 1-1h10.5a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H2.75a1 1 0 0 1-1-1v-9ZM1.75 6.25h12.5M1.75 9.75h12.5M6 6.25v7.25",
);

// States (StateBadge).
export const IconOk = /* @__PURE__ */ draw(
  "M14.25 8a6.25 6.25 0 1 1-12.5 0 6.25 6.25 0 0 1 12.5 0ZM5.25 8.25l2 2 3.5-4",
);
export const IconWaiting = /* @__PURE__ */ draw(
  "M14.25 8a6.25 6.25 0 1 1-12.5 0 6.25 6.25 0 0 1 12.5 0ZM8 4.75V8l2 1.5",
);
export const IconFailing = /* @__PURE__ */ draw("M8 2 14.5 13.5h-13L8 2ZM8 6.5v3M8 11.5h.01");
export const IconFailed = /* @__PURE__ */ draw(
  "M14.25 8a6.25 6.25 0 1 1-12.5 0 6.25 6.25 0 0 1 12.5 0ZM6 6l4 4M10 6l-4 4",
);
export const IconPaused = /* @__PURE__ */ draw(
  "M14.25 8a6.25 6.25 0 1 1-12.5 0 6.25 6.25 0 0 1 12.5 0ZM6.5 6v4M9.5 6v4",
);
export const IconOff = /* @__PURE__ */ draw(
  "M14.25 8a6.25 6.25 0 1 1-12.5 0 6.25 6.25 0 0 1 12.5 0ZM3.75 12.25l8.5-8.5",
);
