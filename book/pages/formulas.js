// Formulas that fit their column, folded blocks that open for a link into them, and folded blocks that are printed open.
(() => {
  const ROOM = 35.5; // width, in em of a formula, of the lines in which a formula is broken for a page
  const SCALE = 1.12; // size of formulas, as the configuration of MathJax says
  const EM = SCALE * 16; // pixels of one em of a formula
  const LEAST = 0.7; // a formula is never set smaller than this share of its size

  const article = () => document.querySelector("article.bd-article") || document.body;

  const isNarrow = () => room(article()) < ROOM * EM;

  /** Write each formula that has two forms in the form that fits, and return those that changed. */
  function choose() {
    const narrow = isNarrow();
    return [...document.querySelectorAll("div.math[data-narrow]")].filter((formula) => {
      if (formula.dataset.wide === undefined) formula.dataset.wide = formula.textContent;
      const form = narrow ? "narrow" : "wide";
      if ((formula.dataset.form || "wide") === form) return false;
      formula.dataset.form = form;
      if (window.MathJax && MathJax.typesetClear) MathJax.typesetClear([formula]);
      formula.textContent = formula.dataset[form];
      return true;
    });
  }

  /** Return the width inside the padding of a box. */
  function room(box) {
    const style = getComputedStyle(box);
    return box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  }

  /** Set each formula smaller where it is still wider than its box. All are measured before any is changed: the page is laid out once. */
  function fit(within) {
    const sets = [...within.querySelectorAll(".math mjx-container")];
    for (const set of sets) set.style.fontSize = `${SCALE * 100}%`;
    const measured = sets.map((set) => {
      const inside = set.querySelector("mjx-math");
      const box = set.hasAttribute("display") ? set.closest(".math") : set.closest("p, li, td, dd, .sd-summary-content, article");
      return inside && box && box.clientWidth ? room(box) / inside.getBoundingClientRect().width : Infinity;
    });
    measured.forEach((share, i) => {
      const set = sets[i], formula = set.closest(".math"), scrolls = share < LEAST && !set.hasAttribute("display");
      formula.classList.toggle("atlas-scrolls", scrolls);
      if (scrolls) formula.tabIndex = 0;
      if (share < 1) set.style.fontSize = `${Math.max(LEAST, share * 0.99) * SCALE * 100}%`;
    });
  }

  const settled = () => (window.MathJax && MathJax.startup && MathJax.startup.promise) || Promise.resolve();

  async function refit() {
    const changed = choose();
    await settled();
    if (changed.length && MathJax.typesetPromise) await MathJax.typesetPromise(changed);
    fitAll();
  }

  function fitAll() {
    fit(document);
    document.documentElement.dataset.fitted = window.innerWidth;
  }

  /** Open every folded block around the place that the address names, and go there. */
  function unfold() {
    const place = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!place) return;
    for (let block = place.closest("details"); block; block = block.parentElement.closest("details")) block.open = true;
    place.scrollIntoView();
  }

  choose(); // before MathJax sets the page
  window.addEventListener("load", async () => {
    await settled();
    fitAll();
    unfold();
  });
  window.addEventListener("hashchange", unfold);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href*="#"]');
    if (link && link.href === location.href) unfold(); // the address does not change a second time
  });
  document.addEventListener("toggle", (event) => event.target.open && fit(event.target), true);
  let waiting;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(refit, 150);
  });

  const opened = [];
  window.addEventListener("beforeprint", () => {
    for (const block of document.querySelectorAll("article details:not([open])")) {
      block.open = true;
      opened.push(block);
    }
  });
  window.addEventListener("afterprint", () => {
    while (opened.length) opened.pop().open = false;
  });
})();
