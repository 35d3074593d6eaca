// Sliders that show one frame of a figure at a time, and drawings that a reader can turn. A page is complete without them.
"use strict";

for (const slider of document.querySelectorAll(".atlas-slider input[data-says]")) {
  const figure = slider.closest(".atlas-figure");
  const says = JSON.parse(slider.dataset.says);
  const output = figure.querySelector(`output[for="${slider.id}"]`);
  const show = () => {
    output.textContent = says[slider.value];
    slider.setAttribute("aria-valuetext", says[slider.value]);
    for (const frame of figure.querySelectorAll("[data-frame]")) {
      frame.style.display = frame.dataset.frame === slider.value ? "" : "none";
    }
  };
  slider.addEventListener("input", show);
  show(); // a browser may keep the place of a slider when a page is loaded again
}

for (const drawing of document.querySelectorAll(".atlas-scene")) {
  const slider = drawing.parentElement.querySelector("input");
  let turn = Number(drawing.dataset.turn), tilt = Number(drawing.dataset.tilt);
  const parts = [...drawing.querySelectorAll("[data-at]")].map(part => [part, part.dataset.at.split(" ").map(Number)]);
  const draw = () => {
    const a = turn * Math.PI / 180, b = tilt * Math.PI / 180;
    for (const [part, [x, y, z]] of parts) {
      const across = x * Math.cos(a) - y * Math.sin(a), deep = x * Math.sin(a) + y * Math.cos(a);
      const down = -z * Math.cos(b) + deep * Math.sin(b);
      const names = {line: ["x2", "y2"], circle: ["cx", "cy"], text: ["x", "y"]}[part.tagName];
      part.setAttribute(names[0], across.toFixed(1));
      part.setAttribute(names[1], (down + (part.tagName === "text" ? 4 : 0)).toFixed(1));
    }
    slider.value = turn;
    slider.setAttribute("aria-valuetext", `${Math.round(turn)} degrees`);
  };
  slider.addEventListener("input", () => { turn = Number(slider.value); draw(); });
  drawing.addEventListener("pointerdown", event => drawing.setPointerCapture(event.pointerId));
  drawing.addEventListener("pointermove", event => {
    if (!drawing.hasPointerCapture(event.pointerId)) return;
    turn = (turn + event.movementX + 540) % 360 - 180;
    tilt = Math.max(-90, Math.min(90, tilt + event.movementY));
    draw();
  });
}
