// Light, dark, or as the system has it; before anything is painted.
"use strict";
(() => {
  const root = document.documentElement;
  const order = ["auto", "light", "dark"];
  const kept = () => { try { return localStorage.getItem("certify-theme"); } catch { return null; } };
  const keep = (value) => { try { localStorage.setItem("certify-theme", value); } catch { /* no store */ } };
  const show = (value) => {
    if (value === "auto") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", value);
  };
  let now = order.includes(kept()) ? kept() : "auto";
  show(now);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const tell = () => { button.textContent = `Theme: ${now}`; };
    button.hidden = false;
    tell();
    button.addEventListener("click", () => {
      now = order[(order.indexOf(now) + 1) % order.length];
      keep(now);
      show(now);
      tell();
    });
  });
})();
