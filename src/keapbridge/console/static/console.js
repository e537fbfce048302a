// Times in the zone of who looks, and the focus on what has come. Without this, all pages work as well.
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const shown = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"});

  const tell = () => {
    for (const each of document.querySelectorAll("time[datetime]:not([data-told])")) {
      const moment = new Date(each.dateTime);
      if (!Number.isNaN(moment.valueOf())) {
        each.title = each.textContent;
        each.textContent = shown.format(moment);
        each.dataset.told = "";
      }
    }
    for (const each of document.querySelectorAll(".zone")) each.textContent = `in the zone ${zone}`;
  };

  // A box above a column ticks all boxes below it.
  document.addEventListener("change", (event) => {
    const of = event.target.dataset?.all;
    if (of) for (const each of event.target.form.querySelectorAll(`input[name="${of}"][type=checkbox]`)) each.checked = event.target.checked;
  });

  // What decides is sent once, however often it is clicked: the second answer would tell that the first was quicker.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(event.submitter ?? form).closest("[data-once]")) return;
    if ("sent" in form.dataset) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
    form.dataset.sent = "";
  }, true);
  const again = (form) => form?.dataset && delete form.dataset.sent;
  document.addEventListener("htmx:finally:request", (event) => again(event.detail?.ctx?.sourceElement));
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(again));

  document.addEventListener("htmx:after:swap", (event) => {
    tell();
    // What was clicked is gone with the page before. What looks again by itself leaves everybody where they are.
    const isLost = !document.activeElement || document.activeElement === document.body;
    if (isLost && event.detail?.ctx?.sourceElement?.id !== "progress") document.getElementById("main")?.focus();
  });
  tell();
})();
