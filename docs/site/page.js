// Names and keyboard access that the theme leaves out, for screen readers and for people without a mouse.
function mend() {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  document.querySelectorAll("nav.md-code__nav:not([aria-label])").forEach((one, n) => one.setAttribute("aria-label", `Code ${one.parentElement.id || n}`));
  document.querySelectorAll(".md-typeset__scrollwrap, pre > code").forEach((one) => {
    if (one.scrollWidth > one.clientWidth) one.setAttribute("tabindex", "0");
  });
}
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
addEventListener("resize", mend);
mend();
