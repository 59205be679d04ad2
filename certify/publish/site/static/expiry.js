// A page outlives its certificate: say so, by the clock of whoever reads it.
"use strict";
for (const each of document.querySelectorAll("[data-expires]")) {
  if (Number(each.dataset.expires) * 1000 <= Date.now()) {
    each.textContent = `expired (${each.textContent})`;
    each.classList.add("expired");
    document.querySelector(".verdict").classList.add("expired");
  }
}
