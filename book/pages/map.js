// Lights up what a node of the map is joined to, while the node is pointed at or has the focus.
(() => {
  for (const map of document.querySelectorAll(".atlas-map")) {
    const edges = [...map.querySelectorAll("path")].map((path) => [path, path.dataset.ends.split(" ")]);
    const nodes = new Map([...map.querySelectorAll("a")].map((node) => [node.dataset.node, node]));
    const light = (number) => {
      map.classList.add("asked");
      nodes.get(number).classList.add("lit");
      for (const [path, ends] of edges) {
        if (!ends.includes(number)) continue;
        path.classList.add("lit");
        ends.forEach((end) => nodes.get(end).classList.add("lit"));
      }
    };
    const dim = () => {
      map.classList.remove("asked");
      map.querySelectorAll(".lit").forEach((part) => part.classList.remove("lit"));
    };
    for (const [number, node] of nodes) {
      for (const begin of ["mouseenter", "focus"]) node.addEventListener(begin, () => (dim(), light(number)));
      for (const end of ["mouseleave", "blur"]) node.addEventListener(end, dim);
    }
  }
})();
