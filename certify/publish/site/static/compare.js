// Two images side by side, from the rows of the matrix.
"use strict";
(() => {
  const { data, node, breakable, byId, get, MARKS, CLASSES, OUTCOMES, plain, seconds, day, pageOf, verdictOf } = window.certify;
  const verdict = (row) => {
    const found = verdictOf(get(row, "status"), get(row, "expires"));
    return `${found} ${found === "certified" ? get(row, "grade") : ""}`.trim();
  };
  const FACTS = [
    ["verdict", verdict], ["boot", (row) => seconds(get(row, "boot"))], ["dockerd", (row) => seconds(get(row, "dockerd"))],
    ["installed", (row) => seconds(get(row, "provision"))], ["system", (row) => get(row, "os")],
    ["trust", (row) => get(row, "trust")], ["profile", (row) => get(row, "profile")],
    ["platform", (row) => get(row, "platform")], ["checked", (row) => day(get(row, "finished"))],
    ["built on", (row) => (byStem.has(get(row, "base")) ? get(byStem.get(get(row, "base")), "reference") : "")],
    ["digest", (row) => get(row, "digest")], ["reason", (row) => get(row, "reason")],
  ];
  const INPUTS = ["one", "other"];
  const nameOf = (row) => `${get(row, "reference")} (${[get(row, "profile"), get(row, "platform")].filter(Boolean).join(", ")})`;
  const byName = new Map(data.rows.map((row) => [nameOf(row), row]));
  const byStem = new Map(data.rows.map((row) => [get(row, "stem"), row]));
  const table = byId("comparison");
  let pair = [];

  byId("names").append(...[...byName.keys()].map((name) => node("option", { value: name })));

  const readAddress = () => {
    const requested = new URLSearchParams(location.hash.slice(1));
    const one = byStem.get(requested.get("a")) ?? data.rows[0];
    const other = byStem.get(requested.get("b")) ?? byStem.get(one && get(one, "base")) ?? data.rows.find((row) => row !== one && ["profile", "platform"].every((name) => get(row, name) === get(one, name))) ?? data.rows.find((row) => row !== one) ?? one;
    pair = one ? [one, other] : [];
    byId("differences").checked = requested.get("only") === "1";
  };
  const writeAddress = () => {
    const address = new URLSearchParams({ a: get(pair[0], "stem"), b: get(pair[1], "stem") });
    if (byId("differences").checked) address.set("only", "1");
    history.replaceState(null, "", `#${address}`);
  };
  const draw = () => {
    if (!pair.length) { byId("count").textContent = "Nothing has been certified yet."; return; }
    pair.forEach((row, side) => { byId(INPUTS[side]).value = nameOf(row); });
    const only = byId("differences").checked;
    const lines = [];
    let different = 0;
    const line = (name, values, attributes, show) => {
      const differs = values[0] !== values[1];
      different += differs ? 1 : 0;
      if (only && !differs) return;
      lines.push(node("tr", { class: differs ? "differs" : "", ...attributes }, node("th", { scope: "row" }, name),
        ...values.map((value, side) => node("td", {}, show(value, side)))));
    };
    for (const [name, value] of FACTS) line(name, pair.map(value), {}, (text) => node("bdi", {}, text));
    data.checks.forEach((id, index) => {
      const letters = pair.map((row) => plain(get(row, "checks")[index]));
      if (letters[0] === "." && letters[1] === ".") return;
      line(node("code", {}, ...breakable(id)), letters, { "data-check": id }, (letter, side) => letter === "." ? "" : node("a", { class: `mark ${CLASSES[letter]}`, href: pageOf(get(pair[side], "stem"), id) },
        `${MARKS[letter]} ${OUTCOMES[letter]}`));
    });
    table.tHead.replaceChildren(node("tr", {}, node("th", { scope: "col" }, node("span", { class: "visually-hidden" }, "fact or check")),
      ...pair.map((row) => node("th", { scope: "col" }, node("a", { href: pageOf(get(row, "stem")) }, node("bdi", {}, ...breakable(get(row, "reference"))))))));
    table.tBodies[0].replaceChildren(...lines);
    byId("count").textContent = `${different} difference${different === 1 ? "" : "s"}`;
    writeAddress();
  };

  INPUTS.forEach((id, side) => {
    const input = byId(id);
    // The browser only offers names that match the text in the field, so typing must replace it.
    input.addEventListener("focus", () => input.select());
    input.addEventListener("change", () => {
      const known = byName.has(input.value);
      input.setCustomValidity(known ? "" : "No such image: choose one from the list.");
      input.setAttribute("aria-invalid", String(!known));
      if (!known) { input.reportValidity(); return; }
      pair[side] = byName.get(input.value);
      draw();
    });
  });
  byId("differences").addEventListener("change", draw);
  byId("choice").addEventListener("submit", (event) => event.preventDefault());
  byId("swap").addEventListener("click", () => { pair.reverse(); draw(); });
  addEventListener("hashchange", () => { if (location.hash !== "#main") { readAddress(); draw(); } });
  readAddress();
  draw();
})();
