"use strict";
/* The page without this script holds all tables. This draws the lineage, and makes lists and themes answer. */
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const find = (id) => document.getElementById(id);
  const { states, nodes } = JSON.parse(find("data").textContent);
  const LARGE = 120; // with more nodes than these, folders begin folded
  const ROOM = 40; // and are unfolded from the top while no more than these are shown
  const EXACT = 250; // more than these are laid out in columns, which takes no time

  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  nodes.forEach((node, number) => {
    node.number = number;
    node.parents ??= [];
    node.children = [];
    node.folder ||= "other";
    node.isTest = node.type === "test" || node.type === "unit_test";
  });
  nodes.forEach((node) => node.parents.forEach((parent) => nodes[parent].children.push(node.number)));

  /* Theme: as the system, light or dark; remembered where the browser lets a file remember. */
  const THEMES = ["auto", "light", "dark"];
  const memory = {
    get: () => { try { return localStorage.getItem("dbt-state-plugin-theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("dbt-state-plugin-theme", value); } catch { /* a file may not */ } },
  };
  let theme = THEMES.includes(memory.get()) ? memory.get() : "auto";
  const applyTheme = () => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    find("theme").textContent = `Theme: ${theme}`;
    restyle();
  };
  const nextTheme = () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    memory.set(theme);
    applyTheme();
  };

  /* Folders: a tree of paths. What stands in a folded folder is shown as that folder. */
  const folders = new Map(); // path -> {path, above, below, nodes}
  const folderOf = (path) => {
    if (folders.has(path)) return folders.get(path);
    const cut = path.lastIndexOf("/");
    const above = cut > 0 ? folderOf(path.slice(0, cut)) : null;
    const folder = { path, above, below: [], nodes: [] };
    folders.set(path, folder);
    above?.below.push(folder);
    return folder;
  };
  nodes.forEach((node) => folderOf(node.folder).nodes.push(node));
  const inside = (folder) => [...folder.nodes, ...folder.below.flatMap(inside)];
  const above = (folder) => (folder ? [...above(folder.above), folder] : []);
  const unfolded = new Set();
  let selected = null;
  const picked = new Set(); // states that are chosen by the tiles

  const isShown = (node) =>
    (!node.isTest || find("with-tests").checked || node === selected) &&
    (!find("only-due").checked || states[node.state].due || node === selected || node.children.some((child) => states[nodes[child].state].due && !nodes[child].isTest));
  const standsFor = (node) => {
    const folded = above(folders.get(node.folder)).find((folder) => !unfolded.has(folder.path));
    return folded ? `f:${folded.path}` : `n:${node.number}`;
  };
  const unfoldSome = () => {
    unfolded.clear();
    const shown = nodes.filter(isShown);
    if (shown.length <= LARGE) {
      folders.forEach((folder) => unfolded.add(folder.path));
      return;
    }
    let level = [...folders.values()].filter((folder) => !folder.above);
    let room = ROOM;
    for (;;) { // folders of folders are unfolded, a whole level of them or nothing of it
      const opened = level.filter((folder) => folder.below.length);
      room -= opened.reduce((sum, folder) => sum + folder.below.length + folder.nodes.filter(isShown).length, 0);
      if (!opened.length || room < 0) return;
      opened.forEach((folder) => unfolded.add(folder.path));
      level = opened.flatMap((folder) => folder.below);
    }
  };

  /* The graph. */
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const clipped = (text) => (text.length > 30 ? `${text.slice(0, 29)}…` : text);
  let graph = null;
  const elements = () => {
    const found = new Map();
    const edges = new Map();
    const shown = nodes.filter(isShown);
    const by = new Map(shown.map((node) => [node.number, standsFor(node)]));
    shown.forEach((node) => {
      const id = by.get(node.number);
      if (!found.has(id)) found.set(id, { id, members: [] });
      found.get(id).members.push(node);
    });
    shown.forEach((node) => node.parents.forEach((parent) => {
      const [from, to] = [by.get(parent), by.get(node.number)];
      if (from && from !== to) edges.set(`${from}>${to}`, { source: from, target: to });
    }));
    return [[...found.values()], [...edges.values()]];
  };
  const share = (members) => {
    const counted = new Map();
    members.forEach((node) => counted.set(node.state, (counted.get(node.state) ?? 0) + 1));
    return Object.keys(states).filter((key) => counted.has(key)).map((key) => [key, counted.get(key)]);
  };
  const look = (item) => {
    if (item.id.startsWith("n:")) {
      const [node] = item.members;
      const { mark } = states[node.state];
      return { label: `${mark ? `${mark} ` : ""}${clipped(node.name)}`, state: node.state, kind: "node" };
    }
    const parts = share(item.members).map(([key, number]) => [key, Math.max(number, item.members.length * .05)]); // so that it is seen
    const total = parts.reduce((sum, [, number]) => sum + number, 0);
    let at = 0;
    const stops = parts.flatMap(([key, number]) => {
      const from = at;
      at += (100 * number) / total;
      return [[key, from], [key, at]];
    });
    const due = item.members.filter((node) => states[node.state].due).length;
    const size = `${item.members.length.toLocaleString("en")} nodes${due ? `, ${due.toLocaleString("en")} due` : ""}`;
    return { label: `${clipped(item.id.slice(2))}\n${size}`, kind: "folder", stops };
  };
  const sizeOf = (item) => ({ width: Math.max(70, (item.kind === "folder" ? 56 : 24) + 6.7 * Math.max(...item.label.split("\n").map((line) => line.length))), height: item.kind === "folder" ? 46 : 28 });

  /* Columns by the longest way from the sources, each ordered by where its parents stand. */
  const columns = (items, edges) => {
    const parents = new Map(items.map((item) => [item.id, []]));
    const children = new Map(items.map((item) => [item.id, []]));
    edges.forEach(({ source, target }) => { parents.get(target).push(source); children.get(source).push(target); });
    const rank = new Map(items.map((item) => [item.id, 0]));
    const left = new Map(items.map((item) => [item.id, parents.get(item.id).length]));
    const todo = items.filter((item) => !left.get(item.id)).map((item) => item.id);
    while (todo.length) { // a circle among folders is left where it stands
      const id = todo.shift();
      children.get(id).forEach((child) => {
        rank.set(child, Math.max(rank.get(child), rank.get(id) + 1));
        left.set(child, left.get(child) - 1);
        if (!left.get(child)) todo.push(child);
      });
    }
    const ranks = [];
    items.forEach((item) => (ranks[rank.get(item.id)] ??= []).push(item));
    const y = new Map();
    let x = 0;
    ranks.filter(Boolean).forEach((column) => {
      const middle = (item) => {
        const found = parents.get(item.id).map((id) => y.get(id)).filter((value) => value !== undefined);
        return found.length ? found.reduce((sum, value) => sum + value, 0) / found.length : 0;
      };
      const ordered = column.map((item) => [middle(item), item]).sort((a, b) => a[0] - b[0]).map(([, item]) => item);
      const rows = Math.max(40, Math.ceil(Math.sqrt(items.length) * 1.4)); // a long column is broken into several
      for (let begin = 0; begin < ordered.length; begin += rows) {
        const part = ordered.slice(begin, begin + rows);
        const width = Math.max(...part.map((item) => item.width));
        part.forEach((item, place) => {
          y.set(item.id, (place - (part.length - 1) / 2) * 42);
          item.position = { x: x + width / 2, y: y.get(item.id) };
        });
        x += width + 30;
      }
      x += 70;
    });
  };
  const byDagre = (items, edges) => {
    const laid = new dagre.graphlib.Graph();
    laid.setGraph({ rankdir: "LR", nodesep: 12, ranksep: 56, edgesep: 6, ranker: items.length > 120 ? "longest-path" : "network-simplex" });
    laid.setDefaultEdgeLabel(() => ({}));
    items.forEach((item) => laid.setNode(item.id, { width: item.width, height: item.height }));
    edges.forEach((edge) => laid.setEdge(edge.source, edge.target));
    dagre.layout(laid);
    items.forEach((item) => { const { x, y } = laid.node(item.id); item.position = { x, y }; });
    return { items, width: laid.graph().width, height: laid.graph().height };
  };
  /* What hangs together is laid out together, and the pieces are set in rows, as wide as the room is. */
  const pieces = (items, edges) => {
    const [above, known] = [new Map(items.map((item) => [item.id, item.id])), new Map()];
    const top = (id) => { let at = id; while (above.get(at) !== at) { above.set(at, above.get(above.get(at))); at = above.get(at); } return at; };
    edges.forEach(({ source, target }) => above.set(top(source), top(target)));
    items.forEach((item) => { const id = top(item.id); if (!known.has(id)) known.set(id, { items: [], edges: [] }); known.get(id).items.push(item); });
    edges.forEach((edge) => known.get(top(edge.source)).edges.push(edge));
    return [...known.values()];
  };
  const arranged = (items, edges) => {
    const laid = pieces(items, edges).map((piece) => byDagre(piece.items, piece.edges)).sort((a, b) => b.height - a.height || b.width - a.width);
    const area = laid.reduce((sum, { width, height }) => sum + (width + 40) * (height + 24), 0);
    const end = Math.max(Math.sqrt(area * (find("graph").clientWidth / Math.max(find("graph").clientHeight, 1))), ...laid.map(({ width }) => width));
    let [x, y, tallest] = [0, 0, 0];
    laid.forEach((piece) => {
      if (x && x + piece.width > end) { [x, y, tallest] = [0, y + tallest + 24, 0]; }
      piece.items.forEach((item) => { item.position.x += x; item.position.y += y; });
      x += piece.width + 40;
      tallest = Math.max(tallest, piece.height);
    });
  };
  const draw = ({ fits = true } = {}) => {
    const [items, edges] = elements();
    items.forEach((item) => Object.assign(item, look(item)));
    items.forEach((item) => Object.assign(item, sizeOf(item)));
    (items.length > EXACT ? columns : arranged)(items, edges);
    graph.batch(() => {
      graph.elements().remove();
      graph.add(items.map(({ id, label, kind, state, stops, width, height, position }) => ({ group: "nodes", data: { id, label, kind, state, stops, width, height }, position })));
      graph.add(edges.map((data) => ({ group: "edges", data })));
    });
    restyle();
    mark();
    if (fits) fit();
    listFolders();
  };
  const fit = () => {
    graph.fit(undefined, 24);
    if (graph.zoom() > 1.1) { graph.zoom(1.1); graph.center(); }
  };
  const restyle = () => {
    if (!graph) return;
    const [ink, card, soft, line, accent] = ["--ink", "--card", "--soft", "--line-strong", "--accent"].map(colour);
    const tone = Object.fromEntries(Object.keys(states).map((key) => [key, colour(`--c-${key}`)]));
    const quiet = new Set(["skipped", "inlined", "source", "exposure"]);
    graph.style([
      { selector: "node", style: { shape: "round-rectangle", label: "data(label)", width: "data(width)", height: "data(height)", "text-valign": "center", "text-halign": "center", "font-size": 12, "font-family": "system-ui, sans-serif", color: ink, "background-color": card, "border-width": 1.5, "border-color": line, "min-zoomed-font-size": graph.nodes().length > EXACT ? 6 : 0 } },
      ...Object.keys(states).map((key) => ({ selector: `node[state = "${key}"]`, style: quiet.has(key) ? { "border-color": tone[key], color: key === "skipped" ? soft : ink, "border-style": key === "inlined" ? "dashed" : "solid" } : { "background-color": mixed(tone[key], card, .2), "border-color": tone[key], "border-width": 2.5, "border-style": key === "removed" ? "dashed" : "solid" } })),
      { selector: `node[state = "exposure"]`, style: { shape: "round-tag" } },
      { selector: `node[kind = "folder"]`, style: { shape: "round-rectangle", "text-wrap": "wrap", "border-style": "solid", "border-width": 1.5, "border-color": soft, "font-weight": 600,
        "background-fill": "linear-gradient", "background-gradient-direction": "to-right",
        "background-gradient-stop-colors": (node) => (node.data("stops") ?? []).map(([key]) => mixed(tone[key], card, quiet.has(key) ? .1 : .42)).join(" ") || card,
        "background-gradient-stop-positions": (node) => (node.data("stops") ?? []).map(([, at]) => `${at}%`).join(" ") || "0%" } },
      { selector: "edge", style: { width: 1.2, "line-color": line, "target-arrow-color": line, "target-arrow-shape": "triangle", "arrow-scale": .7, "curve-style": graph.nodes().length > EXACT ? "haystack" : "bezier" } },
      { selector: ".faded", style: { opacity: .18 } },
      { selector: "edge.way", style: { "line-color": accent, "target-arrow-color": accent, width: 2 } },
      { selector: "node.selected", style: { "border-color": accent, "border-width": 4 } },
    ]);
  };
  const mixed = (one, other, part) => {
    const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const long = (hex) => (hex.length === 4 ? `#${[...hex.slice(1)].map((each) => each + each).join("")}` : hex);
    const [a, b] = [parse(long(one)), parse(long(other))];
    return `rgb(${a.map((value, at) => Math.round(value * part + b[at] * (1 - part))).join(",")})`;
  };
  /* Fade what has to do neither with the selected node nor with the chosen states. */
  const mark = () => {
    graph.batch(() => {
      graph.elements().removeClass("faded way selected");
      if (selected) {
        const node = graph.getElementById(standsFor(selected));
        if (node.empty()) return;
        const way = node.union(node.predecessors()).union(node.successors());
        graph.elements().difference(way).addClass("faded");
        way.edges().addClass("way");
        node.addClass("selected");
      } else if (picked.size) {
        graph.nodes().filter((node) => !membersOf(node.id()).some((each) => picked.has(each.state))).addClass("faded");
      }
    });
  };
  const membersOf = (id) => (id.startsWith("n:") ? [nodes[Number(id.slice(2))]] : inside(folders.get(id.slice(2))));
  const begin = () => {
    graph = cytoscape({ container: find("graph"), minZoom: .03, maxZoom: 3, autoungrabify: true, boxSelectionEnabled: false, hideEdgesOnViewport: nodes.length > 1500, textureOnViewport: false });
    graph.on("tap", "node", ({ target }) => {
      const id = target.id();
      if (id.startsWith("n:")) select(nodes[Number(id.slice(2))]); else unfold(id.slice(2));
    });
    graph.on("tap", (event) => { if (event.target === graph) close(); });
    graph.on("mouseover", "node", ({ target }) => { find("graph").title = membersOf(target.id()).length === 1 ? membersOf(target.id())[0].id : target.data("label").replace("\n", ": "); });
    graph.on("mouseout", "node", () => { find("graph").title = ""; });
    const due = nodes.filter((node) => states[node.state].due && !node.isTest).length;
    find("only-due").checked = nodes.length > LARGE && due > 0 && due <= LARGE; // what people open a large one for
    unfoldSome();
    draw();
  };
  const unfold = (path) => {
    unfolded.add(path);
    let folder = folders.get(path);
    while (folder.below.length === 1 && !folder.nodes.length) { [folder] = folder.below; unfolded.add(folder.path); }
    draw();
  };
  const fold = (path) => {
    [...unfolded].filter((each) => each === path || each.startsWith(`${path}/`)).forEach((each) => unfolded.delete(each));
    draw();
  };
  const listFolders = () => {
    const list = find("folder-list");
    list.replaceChildren(...[...folders.values()].sort((a, b) => a.path.localeCompare(b.path)).map((folder) => {
      const box = make("input", { type: "checkbox", checked: above(folder).every((each) => unfolded.has(each.path)) });
      box.addEventListener("change", () => (box.checked ? above(folder).forEach((each) => unfolded.add(each.path)) || draw() : fold(folder.path)));
      return make("li", {}, make("label", {}, box, folder.path, make("span", {}, String(inside(folder).length))));
    }));
  };

  /* Details of one node. */
  const badge = (state) => make("span", { className: `badge state-${state}` }, `${states[state].mark} ${states[state].label}`.trim());
  const jump = (number) => {
    const button = make("button", { type: "button", className: `state-${nodes[number].state}`, title: nodes[number].id }, nodes[number].name);
    button.addEventListener("click", () => select(nodes[number], { moves: true }));
    return button;
  };
  const links = (title, numbers) => (numbers.length ? [make("h3", {}, `${title} (${numbers.length})`), make("div", { className: "links" }, ...numbers.slice(0, 40).map(jump), ...(numbers.length > 40 ? [`and ${numbers.length - 40} more`] : []))] : []);
  const texts = (title, lines) => (lines?.length ? [make("h3", {}, title), make("ul", {}, ...lines.map((line) => make("li", {}, line)))] : []);
  const facts = (node) => {
    const list = make("dl");
    const rows = [["Kind", [node.made, node.type].filter(Boolean).join(" ")], ["File", node.path], ["Relation", node.relation], ["Last build", [node.built && `${node.built} UTC`, node.took].filter(Boolean).join(", ")], ["Result", node.result]];
    rows.filter(([, value]) => value).forEach(([name, value]) => list.append(make("dt", {}, name), make("dd", {}, value)));
    return list;
  };
  const past = (node) => {
    if (!node.history?.length) return [];
    const rows = node.history.map(([when, execution, status, isGood, took, rowCount, why]) => make("tr", { title: `execution ${execution}` }, make("td", { className: "time" }, when), make("td", {}, make("span", { className: `badge ${isGood ? "run-succeeded" : "run-failed"}` }, status)), make("td", { className: "number" }, took), make("td", {}, why, rowCount ? make("small", {}, rowCount) : "")));
    return [make("h3", {}, "History"), make("table", {}, make("tbody", {}, ...rows))];
  };
  const differing = (node) => {
    const kept = node.diff && find(`diff-${node.number}`);
    return kept ? [...kept.children].slice(1).map((element) => element.cloneNode(true)) : [];
  };
  const select = (node, { moves = false, remembers = true } = {}) => {
    selected = node;
    above(folders.get(node.folder)).forEach((folder) => unfolded.add(folder.path));
    const [closes, folds] = [make("button", { type: "button", className: "close", title: "Close (Esc)" }, "×"), make("button", { type: "button" }, `Fold ${node.folder}`)];
    closes.setAttribute("aria-label", "Close");
    closes.addEventListener("click", close);
    folds.addEventListener("click", () => { close(); fold(node.folder); });
    const details = find("details");
    details.replaceChildren(
      make("header", {}, make("h2", {}, node.name), closes), badge(node.state),
      ...(node.reasons?.length ? texts("Why", node.reasons) : [make("p", { className: "soft" }, states[node.state].meaning)]),
      ...(node.cause?.length ? links("First cause, on the way up", node.cause) : []),
      ...texts("Worth knowing", node.notes), ...differing(node), facts(node),
      ...links("Reads", node.parents), ...texts("Reads undeclared", node.undeclared), ...links("Read by", node.children.filter((child) => !nodes[child].isTest)), ...links("Tests", node.children.filter((child) => nodes[child].isTest)),
      ...past(node), make("p", {}, folds),
    );
    details.hidden = false;
    details.scrollTop = 0;
    find("hint").hidden = true;
    if (graph.getElementById(`n:${node.number}`).empty()) draw({ fits: false });
    mark();
    const drawn = graph.getElementById(`n:${node.number}`);
    if (drawn.nonempty()) bring(drawn, moves);
    if (remembers) { try { history.replaceState(null, "", `#node=${encodeURIComponent(node.id)}`); } catch { /* a file may not */ } }
  };
  /* Bring a node into the part of the graph that the details leave free; one that is seen there stays where it is. */
  const bring = (drawn, moves) => {
    const free = Math.max(graph.width() - find("details").offsetWidth - 20, graph.width() / 4);
    const [zoom, box] = [moves ? Math.max(graph.zoom(), .7) : graph.zoom(), drawn.renderedBoundingBox()];
    if (!moves && box.x1 > 0 && box.x2 < free && box.y1 > 0 && box.y2 < graph.height()) return;
    const { x, y } = drawn.position();
    const pan = { x: free / 2 - x * zoom, y: graph.height() / 2 - y * zoom };
    graph.stop().animate({ zoom, pan, duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200 });
  };
  const close = () => {
    if (!selected) return;
    selected = null;
    find("details").hidden = true;
    try { history.replaceState(null, "", location.pathname + location.search); } catch { /* a file may not */ }
    mark();
  };

  /* The list. */
  let [rows, words] = [[], []];
  const total = nodes.length;
  const readRows = () => { // by the numbers of their nodes
    const rest = find("rest");
    if (rest) {
      const holder = make("template", { innerHTML: rest.textContent }); // this page's own, kept back until now
      document.querySelector("#nodes tbody").append(...holder.content.querySelectorAll("tr"));
      rest.remove();
    }
    rows = [...document.querySelectorAll("#nodes tbody tr")];
    words = rows.map((row, number) => `${nodes[number].id} ${row.textContent}`.toLowerCase());
  };
  const filter = () => {
    const wanted = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = find("kind").value;
    let shown = 0;
    rows.forEach((row, number) => {
      const fits = (!picked.size || picked.has(row.dataset.state)) && (!kind || row.dataset.kind === kind) && wanted.every((word) => words[number].includes(word));
      row.hidden = !fits;
      shown += fits;
    });
    find("shown").textContent = shown === total ? `${total.toLocaleString("en")} nodes` : `${shown.toLocaleString("en")} of ${total.toLocaleString("en")} nodes`;
    const isWhole = shown === total && !picked.size && !kind && !wanted.length;
    find("clear").hidden = isWhole;
    find("rows").classList.toggle("filtered", !isWhole);
  };
  const pick = (key) => {
    if (picked.has(key)) picked.delete(key); else picked.add(key);
    document.querySelectorAll("[data-state].tile").forEach((tile) => tile.setAttribute("aria-pressed", String(picked.has(tile.dataset.state))));
    filter();
    mark();
  };
  const clear = () => {
    [...picked].forEach(pick);
    find("filter").value = "";
    find("kind").value = "";
    filter();
  };
  const sort = (header) => {
    const headers = [...header.parentElement.children];
    const at = headers.indexOf(header);
    const isUp = header.getAttribute("aria-sort") !== "ascending";
    headers.forEach((each) => each.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    const order = Object.keys(states);
    const key = (row) => (at === 0 ? order.indexOf(row.dataset.state) : at === 5 ? Number(row.cells[5].dataset.sort) : row.cells[at].textContent.trim());
    const compare = (a, b) => (typeof a[0] === "number" ? a[0] - b[0] : a[0].localeCompare(b[0]));
    const sorted = rows.map((row) => [key(row), row]).sort((a, b) => (isUp ? compare(a, b) : compare(b, a)));
    document.querySelector("#nodes tbody").append(...sorted.map(([, row]) => row));
  };

  /* What people do. */
  const show = (number) => { select(nodes[number], { moves: true }); find("lineage").scrollIntoView({ block: "start" }); };
  document.addEventListener("click", ({ target }) => {
    const name = target.closest?.(".name[data-node]");
    if (name) show(Number(name.dataset.node));
    const tile = target.closest?.(".tile");
    if (tile) pick(tile.dataset.state);
    const menu = find("folders");
    if (menu.open && !menu.contains(target)) menu.open = false;
    const link = target.closest?.('a[href^="#diff-"]');
    if (link) document.querySelector(link.getAttribute("href")).open = true;
  });
  document.querySelectorAll("#nodes th").forEach((header) => {
    header.tabIndex = 0;
    header.addEventListener("click", () => sort(header));
    header.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(header); } });
  });
  find("filter").addEventListener("input", filter);
  find("kind").addEventListener("change", filter);
  find("clear").addEventListener("click", clear);
  find("theme").addEventListener("click", nextTheme);
  find("fit").addEventListener("click", fit);
  const zoomBy = (factor) => graph.zoom({ level: graph.zoom() * factor, renderedPosition: { x: graph.width() / 2, y: graph.height() / 2 } });
  find("zoom-in").addEventListener("click", () => zoomBy(1.3));
  find("zoom-out").addEventListener("click", () => zoomBy(1 / 1.3));
  find("unfold").addEventListener("click", () => { folders.forEach((folder) => unfolded.add(folder.path)); draw(); });
  find("fold").addEventListener("click", () => { unfolded.clear(); draw(); });
  ["only-due", "with-tests"].forEach((id) => find(id).addEventListener("change", () => { unfoldSome(); draw(); }));
  find("names").append(...nodes.filter((node) => !node.isTest).map((node) => make("option", { value: node.name })));
  const search = find("search");
  const seek = () => {
    const wanted = search.value.trim().toLowerCase();
    if (!wanted) return;
    const found = nodes.find((node) => node.name.toLowerCase() === wanted || node.id.toLowerCase() === wanted) ?? nodes.find((node) => node.id.toLowerCase().includes(wanted));
    search.setCustomValidity(found ? "" : "No node is called like this.");
    if (found) select(found, { moves: true }); else search.reportValidity();
  };
  search.addEventListener("input", () => search.setCustomValidity(""));
  search.addEventListener("change", seek);
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") seek(); });
  const KEYS = {
    "/": () => { search.focus(); search.select(); },
    f: () => { find("filter").focus(); find("filter").scrollIntoView({ block: "center" }); },
    t: nextTheme,
    Escape: close,
  };
  const MOVES = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
    if (isTyping) { if (event.key === "Escape") event.target.blur(); return; }
    const act = KEYS[event.key];
    if (act) { event.preventDefault(); act(); return; }
    if (!find("graph").contains(event.target)) return;
    if (MOVES[event.key]) { event.preventDefault(); graph.panBy({ x: MOVES[event.key][0], y: MOVES[event.key][1] }); }
    if (event.key === "+" || event.key === "=") zoomBy(1.3);
    if (event.key === "-") zoomBy(1 / 1.3);
    if (event.key === "0") fit();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  let sized = 0;
  new ResizeObserver(([{ contentRect }]) => { if (graph && sized && Math.abs(contentRect.width - sized) > 1) { graph.resize(); fit(); } sized = contentRect.width; }).observe(find("graph"));
  /* On paper the lineage is a picture: all of it, in the light colours. */
  addEventListener("beforeprint", () => {
    if (!graph) return;
    root.dataset.theme = "light";
    restyle();
    graph.elements().removeClass("faded way selected");
    const picture = find("printed");
    const { w, h } = graph.elements().boundingBox();
    picture.src = graph.png({ full: true, scale: Math.min(2, 3000 / w, 2000 / h), bg: "#ffffff" });
    picture.style.width = `${Math.ceil(w)}px`; // never larger than on a screen
    picture.hidden = false;
  });
  addEventListener("afterprint", () => { if (graph) { find("printed").hidden = true; applyTheme(); mark(); } });
  const byHash = () => {
    const wanted = /^#node=(.+)$/.exec(location.hash);
    const node = wanted && nodes.find(({ id }) => id === decodeURIComponent(wanted[1]));
    if (node) select(node, { moves: true, remembers: false });
  };
  addEventListener("hashchange", byHash);
  applyTheme();
  requestAnimationFrame(() => setTimeout(() => { begin(); performance.mark("drawn"); setTimeout(() => { readRows(); byHash(); root.dataset.ready = "yes"; }, 0); }, 0)); // first paint the page
})();
