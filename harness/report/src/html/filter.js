"use strict";
(() => {
  const box = document.getElementById("filter");
  const named = [...document.querySelectorAll("[data-name]")];
  const told = document.getElementById("filtered");
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const part of named) {
      const hit = words.every(word => part.dataset.name.toLowerCase().includes(word));
      part.hidden = !hit;
      if (hit && part.matches("details.scenario")) shown++;
    }
    told.textContent = words.length ? shown + " shown" : "";
  };
  if (box) {
    box.closest("p").hidden = false;
    box.addEventListener("input", filter);
  }
  const open = () => {
    const target = /^#s\d+$/.test(location.hash) && document.querySelector(location.hash);
    const details = target && target.closest("details");
    if (details) {
      details.hidden = false;
      details.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", open);
  open();
})();
