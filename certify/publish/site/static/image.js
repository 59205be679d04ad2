// Marks a certificate that has expired by the reader's clock, copies commands, and opens what a link
// leads to.
"use strict";
for (const each of document.querySelectorAll("[data-expires]")) {
  if (Number(each.dataset.expires) * 1000 <= Date.now()) {
    const verdict = document.querySelector(".verdict");
    each.textContent = `expired (${each.textContent})`;
    verdict.classList.remove("certified");
    verdict.classList.add("expired");
    verdict.querySelector("strong").textContent = "EXPIRED";
    const mark = verdict.querySelector(".mark");
    mark.className = "mark expired";
    mark.textContent = "○";
    document.title = document.title.replace(/^[^:]*/, "EXPIRED");
  }
}
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch { // the clipboard is only for pages from https
      getSelection().selectAllChildren(text);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
const openTarget = () => {
  let part = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (!part) return;
  const item = part.querySelector("details");
  if (item) item.open = true;
  for (let each = part.parentElement; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  part.scrollIntoView();
};
addEventListener("hashchange", openTarget);
openTarget();
