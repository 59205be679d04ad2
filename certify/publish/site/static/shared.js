// Shared by the matrix and the comparison: the rows, the words for letters, and a helper for nodes.
"use strict";
window.certify = (() => {
  const data = window.CERTIFY || { fields: [], checks: [], rows: [] };
  const at = Object.fromEntries(data.fields.map((name, index) => [name, index]));
  const node = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) if (value !== undefined) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  return {
    data,
    node,
    // A name as nodes that a narrow column breaks between its parts.
    breakable: (name) => name.split(/(?<=[./:])/).flatMap((part) => [part, node("wbr")]),
    byId: (id) => document.getElementById(id),
    get: (row, name) => row[at[name]],
    MARKS: { p: "✓", f: "✗", u: "?", s: "–", n: "!", ".": "" },
    CLASSES: { p: "passed", f: "failed", u: "unknown", s: "skipped", n: "noted" },
    OUTCOMES: { p: "passed", f: "failed", u: "unknown", s: "skipped", n: "failed, not required or waived", ".": "" },
    plain: (letter) => letter.toLowerCase(),
    seconds: (value) => (value === null ? "" : `${value.toFixed(value < 100 ? 1 : 0)} s`),
    day: (stamp) => new Date(stamp * 1000).toISOString().slice(0, 10),
    pageOf: (stem, check) => `images/${encodeURI(stem)}.html${check ? `#${check.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}` : ""}`,
    verdictOf: (status, expires) => (status === "certified" && expires <= Date.now() / 1000 ? "expired" : status),
  };
})();
