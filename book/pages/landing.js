// Moves the figure of the first page: sets the numbers of a frame, or those between two frames, in the drawing that the page brings along.
(() => {
  const frames = JSON.parse(document.getElementById("collapse-frames").textContent);
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const SECONDS = 12;

  const between = (a, b, share) => a + (b - a) * share;

  const draw = {
    classes(svg, from, to, share) {
      const numbers = (name) => from[name].map((a, i) => between(a, to[name][i], share));
      const placed = (frame) => frame.dots ?? frames.labels.flatMap((label) => frame.means.slice(2 * label, 2 * label + 2));
      const ends = placed(to);
      const dots = placed(from).map((a, i) => between(a, ends[i], share));
      svg.querySelectorAll(".dots path").forEach((dot, i) => {
        dot.setAttribute("transform", `translate(${dots[2 * i]} ${dots[2 * i + 1]})`);
      });
      const means = numbers("means");
      svg.querySelectorAll(".means line").forEach((line, i) => {
        line.setAttribute("x2", means[2 * i]);
        line.setAttribute("y2", means[2 * i + 1]);
      });
      svg.querySelectorAll(".means text").forEach((text, i) => {
        text.setAttribute("x", means[2 * i]);
        text.setAttribute("y", means[2 * i + 1]);
      });
      const certified = from.optimum && to.optimum;
      const optimum = certified ? numbers("optimum") : [];
      svg.querySelectorAll(".optimum").forEach((ring, i) => {
        ring.style.visibility = certified ? "visible" : "hidden";
        if (certified) {
          ring.setAttribute("cx", optimum[2 * i]);
          ring.setAttribute("cy", optimum[2 * i + 1]);
        }
      });
    },
    directions(svg, from, to, share) {
      svg.querySelectorAll(".bar").forEach((bar, i) => {
        const [outline, size, predicted] = bar.children;
        const bottom = Number(outline.getAttribute("y")) + Number(outline.getAttribute("height"));
        const trained = between(from.trained[i], to.trained[i], share);
        const foretold = between(from.predicted[i], to.predicted[i], share);
        size.setAttribute("y", bottom - trained);
        size.setAttribute("height", trained);
        predicted.setAttribute("y1", bottom - foretold);
        predicted.setAttribute("y2", bottom - foretold);
        bar.classList.toggle("dead", trained === 0);
      });
      svg.querySelectorAll(".decoded rect").forEach((pixel, i) => {
        pixel.setAttribute("fill-opacity", between(from.pixels[i], to.pixels[i], share));
      });
    },
  };

  for (const panel of document.querySelectorAll("#collapse figure")) {
    const kind = panel.dataset.panel;
    const series = frames[kind];
    const [svg, says, controls] = ["svg", ".says", ".controls"].map((part) => panel.querySelector(part));
    const [button, slider] = controls.children;
    let playing = 0;

    const show = (place) => {
      const number = Math.min(Math.floor(place), series.length - 1);
      const next = series[Math.min(number + 1, series.length - 1)];
      draw[kind](svg, series[number], next, place - number);
      says.textContent = series[number].says;
      slider.setAttribute("aria-valuetext", series[number].says);
    };
    const stop = () => {
      cancelAnimationFrame(playing);
      playing = 0;
      button.textContent = "Play";
      says.setAttribute("aria-live", "polite");
    };
    const play = () => {
      const last = series.length - 1;
      const start = Number(slider.value) >= last ? 0 : Number(slider.value);
      const began = performance.now();
      const speed = last / SECONDS / 1000;
      button.textContent = "Pause";
      says.setAttribute("aria-live", "off"); // a reader would otherwise be told every frame
      const step = (now) => {
        let place = Math.min(start + (now - began) * speed, last);
        if (still.matches) place = Math.floor(place);
        slider.value = Math.floor(place);
        show(place);
        if (place < last) playing = requestAnimationFrame(step);
        else stop();
      };
      playing = requestAnimationFrame(step);
    };

    button.addEventListener("click", () => (playing ? stop() : play()));
    slider.addEventListener("input", () => {
      stop();
      show(Number(slider.value));
    });
    controls.hidden = false;
    show(Number(slider.value));
  }
})();
