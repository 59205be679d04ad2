// The theme: light, dark, or that of the system. Runs before anything is painted.
"use strict";
(() => {
  const root = document.documentElement;
  const order = ["auto", "light", "dark"];
  const saved = () => { try { return localStorage.getItem("certify-theme"); } catch { return null; } };
  const save = (value) => { try { localStorage.setItem("certify-theme", value); } catch { /* no storage */ } };
  const show = (value) => {
    if (value === "auto") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", value);
  };
  let now = order.includes(saved()) ? saved() : "auto";
  show(now);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = () => { button.textContent = `Theme: ${now}`; };
    button.hidden = false;
    label();
    button.addEventListener("click", () => {
      now = order[(order.indexOf(now) + 1) % order.length];
      save(now);
      show(now);
      label();
    });
  });
})();
