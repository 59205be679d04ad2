// Marks a certificate that has expired by the reader's clock.
"use strict";
for (const each of document.querySelectorAll("[data-expires]")) {
  if (Number(each.dataset.expires) * 1000 <= Date.now()) {
    each.textContent = `expired (${each.textContent})`;
    each.classList.add("expired");
    document.querySelector(".verdict").classList.add("expired");
  }
}
