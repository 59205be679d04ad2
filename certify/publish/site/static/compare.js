// Two images side by side, from the rows of the matrix.
"use strict";
(() => {
  const data = window.CERTIFY || { fields: [], checks: [], rows: [] };
  const at = Object.fromEntries(data.fields.map((name, index) => [name, index]));
  const byId = (id) => document.getElementById(id);
  const MARKS = { p: "✓ passed", f: "✗ failed", u: "? unknown", s: "– not asked", n: "! failed, not required or waived", ".": "" };
  const CLASSES = { p: "passed", f: "failed", u: "unknown", s: "skipped", n: "noted" };
  const seconds = (value) => (value === null ? "" : `${value.toFixed(1)} s`);
  const FACTS = [
    ["verdict", (row) => `${row[at.status]} ${row[at.grade]}`.trim()],
    ["reason", (row) => row[at.reason]], ["profile", (row) => row[at.profile]], ["platform", (row) => row[at.platform]],
    ["system", (row) => row[at.os]], ["trust", (row) => row[at.trust]], ["boot", (row) => seconds(row[at.boot])],
    ["dockerd", (row) => seconds(row[at.dockerd])], ["installed", (row) => seconds(row[at.provision])],
    ["digest", (row) => row[at.digest]],
    ["checked", (row) => new Date(row[at.finished] * 1000).toISOString().slice(0, 10)],
  ];
  const node = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const rows = new Map(data.rows.map((row) => [row[at.stem], row]));
  for (const id of ["one", "other"]) {
    for (const row of data.rows) byId(id).add(new Option(`${row[at.reference]} (${row[at.profile]}${row[at.platform] ? `, ${row[at.platform]}` : ""})`, row[at.stem]));
  }
  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const stems = [...rows.keys()];
    byId("one").value = rows.has(asked.get("a")) ? asked.get("a") : stems[0] ?? "";
    byId("other").value = rows.has(asked.get("b")) ? asked.get("b") : stems[1] ?? stems[0] ?? "";
  };
  const draw = () => {
    const pair = [rows.get(byId("one").value), rows.get(byId("other").value)];
    const table = byId("comparison");
    if (!pair[0] || !pair[1]) { byId("count").textContent = "Nothing has been certified yet."; return; }
    const only = byId("differences").checked;
    const head = node("tr", {}, node("th", { scope: "col" }, "what"));
    for (const row of pair) head.append(node("th", { scope: "col" }, node("a", { href: `images/${encodeURIComponent(row[at.stem])}.html` }, node("bdi", {}, row[at.reference]))));
    table.tHead.replaceChildren(head);
    let different = 0;
    const lines = [];
    const line = (name, values, classes, attributes) => {
      const differs = values[0] !== values[1];
      different += differs ? 1 : 0;
      if (only && !differs) return;
      lines.push(node("tr", { class: differs ? "differs" : "", ...attributes }, node("th", { scope: "row" }, name),
        ...values.map((value, side) => node("td", { class: classes[side] || "" }, node("bdi", {}, value)))));
    };
    for (const [name, value] of FACTS) line(name, pair.map(value), []);
    data.checks.forEach((id, index) => {
      const letters = pair.map((row) => row[at.checks][index]);
      if (letters[0] === "." && letters[1] === ".") return;
      line(node("code", {}, id), letters.map((letter) => MARKS[letter]), letters.map((letter) => `mark ${CLASSES[letter] || ""}`), { "data-check": id });
    });
    table.tBodies[0].replaceChildren(...lines);
    byId("count").textContent = `${different} difference${different === 1 ? "" : "s"}`;
    history.replaceState(null, "", `#${new URLSearchParams({ a: pair[0][at.stem], b: pair[1][at.stem] })}`);
  };
  byId("choice").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["one", "other", "differences"]) byId(id).addEventListener("change", draw);
  byId("swap").addEventListener("click", () => { const one = byId("one").value; byId("one").value = byId("other").value; byId("other").value = one; draw(); });
  addEventListener("hashchange", () => { read(); draw(); });
  read();
  draw();
})();
