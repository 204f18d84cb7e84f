"use strict";

const { record, examples } = JSON.parse(document.getElementById("data").textContent);
const columns = { ...record.metrics, ...record.facts };
const systems = record.systems;

/** The element of that name with attributes and children; every text goes in as text, never as markup. */
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) node.setAttribute(key, value);
  node.append(...children.filter((child) => child != null));
  return node;
}

const byId = (id) => document.getElementById(id);
const shown = (name, value) => value.toFixed(columns[name].digits);
const unitOf = (name) => (columns[name].unit ? ` (${columns[name].unit})` : "");
const losses = { higher: (value) => -value, lower: (value) => value, zero: Math.abs };
const lossOf = (name, value) => losses[columns[name].better](value);

/** A system's value of a metric or a fact, null where it has none. */
function valueOf(system, name) {
  return system.means[name]?.mean ?? system.facts[name] ?? null;
}

/** The header cell of a column, which explains itself. */
function heading(name, ...children) {
  const { about, better, unit } = columns[name];
  const title = `${about}${unit ? ` [${unit}]` : ""}; better: ${better === "zero" ? "near zero" : better}`;
  return element("th", { title, scope: "col" }, ...(children.length ? children : [name]));
}

function fillTable(id, head, rows) {
  const table = byId(id);
  table.replaceChildren(
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells))),
  );
}

function showSummary() {
  const wanted = byId("all-metrics").checked ? Object.keys(record.metrics) : record.headline;
  const names = [...Object.keys(record.facts), ...wanted].filter((name) => systems.some((s) => valueOf(s, name) != null));
  const best = Object.fromEntries(
    names.map((name) => [name, Math.min(...systems.map((s) => valueOf(s, name)).filter((v) => v != null).map((v) => lossOf(name, v)))]),
  );
  const cell = (system, name) => {
    const value = valueOf(system, name);
    if (value == null) return element("td", {}, "–");
    const { low, high, n } = system.means[name] ?? {};
    const interval = low == null ? null : element("small", {}, `${shown(name, low)} … ${shown(name, high)}`);
    const bold = systems.length > 1 && name in record.metrics && lossOf(name, value) === best[name] ? "best" : null;
    return element("td", { class: bold, title: n ? `${n} utterances` : null }, shown(name, value), interval);
  };
  fillTable(
    "summary-table",
    [element("th", { scope: "col" }, "system"), element("th", { scope: "col" }, "utterances"), ...names.map((name) => heading(name))],
    systems.map((s) => [element("td", {}, s.name), element("td", {}, String(s.utterances)), ...names.map((name) => cell(s, name))]),
  );
}

function showComparisons() {
  const names = record.headline.filter((name) => record.comparisons.some((c) => name in c.differences));
  const cell = ({ differences }, name) => {
    const found = differences[name];
    if (!found) return element("td", {}, "–");
    const interval = found.low == null ? null : `${shown(name, found.low)} … ${shown(name, found.high)}`;
    const verdict = found.better ? `${found.better} is better` : "no clear difference";
    const title = `${verdict}; first is higher on ${Math.round(100 * found.share_higher)} % of ${found.n}`;
    return element("td", { class: found.better ? "best" : null, title }, shown(name, found.mean), element("small", {}, interval ?? ""));
  };
  fillTable(
    "comparison-table",
    [element("th", { scope: "col" }, "first − second"), ...names.map((name) => heading(name))],
    record.comparisons.map((c) => [element("td", {}, `${c.first} − ${c.second}`), ...names.map((name) => cell(c, name))]),
  );
}

function showExamples() {
  const picture = (source, what, id) => element("img", { src: source, alt: `${what} of ${id}` });
  const column = (caption, id, media) =>
    element(
      "figure",
      {},
      element("figcaption", {}, caption),
      element("audio", { controls: "", preload: "metadata", src: media.audio }),
      picture(media.spectrogram, `spectrogram of ${caption}`, id),
      picture(media.waveform, `waveform of ${caption}`, id),
      media.zoom && picture(media.zoom, `30 ms of ${caption} and the reference, with their residuals,`, id),
      media.difference && picture(media.difference, `difference of ${caption} from the reference`, id),
    );
  byId("example-list").replaceChildren(
    ...examples.flatMap((example) => [
      element("h3", {}, example.id),
      element(
        "div",
        { class: "columns" },
        column("reference", example.id, example.reference),
        ...example.systems.map((system) => column(system.name, example.id, system)),
      ),
    ]),
  );
}

const sorting = { name: "id", rising: true };

function showUtterances() {
  const system = systems[Number(byId("utterance-system").value)];
  const names = Object.keys(record.metrics).filter((name) => name in system.means);
  const key = (row) => (sorting.name === "id" ? row.id : (row.values[sorting.name] ?? null));
  const rows = [...system.scores].sort((a, b) => {
    const [first, second] = [key(a), key(b)];
    if (first == null || second == null) return (first == null) - (second == null);
    const order = typeof first === "string" ? first.localeCompare(second) : first - second;
    return sorting.rising ? order : -order;
  });
  const sorter = (name) => {
    const arrow = sorting.name === name ? (sorting.rising ? " ▲" : " ▼") : "";
    const button = element("button", { type: "button", "data-column": name }, name + arrow);
    button.addEventListener("click", () => {
      sorting.rising = sorting.name === name ? !sorting.rising : true;
      sorting.name = name;
      showUtterances();
    });
    return button;
  };
  const cell = (row, name) =>
    name in row.values
      ? element("td", {}, shown(name, row.values[name]))
      : element("td", { title: row.missing[name] ?? null }, "–");
  fillTable(
    "utterance-table",
    [element("th", { scope: "col" }, sorter("id")), ...names.map((name) => heading(name, sorter(name)))],
    rows.map((row) => [
      element("td", { title: `lag ${(1000 * row.lag).toFixed(2)} ms by ${row.aligned_by}` }, row.id),
      ...names.map((name) => cell(row, name)),
    ]),
  );
}

function showExcluded() {
  const rows = systems.flatMap((system) => system.excluded.map((item) => [item.id, system.name, item.reason]));
  byId("excluded").hidden = rows.length === 0;
  fillTable(
    "excluded-table",
    ["utterance", "system", "reason"].map((name) => element("th", { class: "words", scope: "col" }, name)),
    rows.map((cells) => cells.map((text) => element("td", { class: "words" }, text))),
  );
}

function showGlossary() {
  const used = Object.keys(columns).filter((name) => systems.some((s) => valueOf(s, name) != null));
  byId("glossary-list").replaceChildren(
    ...used.flatMap((name) => [element("dt", {}, name + unitOf(name)), element("dd", {}, columns[name].about)]),
  );
}

function fillChoice(id, options, onChange) {
  byId(id).replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  byId(id).addEventListener("change", onChange);
}

const machine = record.machine;
byId("about").textContent = [
  `audiodiff ${record.audiodiff}`,
  `${systems[0].utterances} utterances, ${systems[0].seconds.toFixed(0)} s`,
  machine.gpu ?? machine.processor,
  `${machine.threads} of ${machine.cores} cores`,
  ...Object.entries(record.settings).filter(([, v]) => v != null).map(([name, v]) => `${name} ${v}`),
].join(" · ");
byId("all-metrics").addEventListener("change", showSummary);
byId("comparisons").hidden = record.comparisons.length === 0;
byId("examples").hidden = examples.length === 0;
fillChoice("utterance-system", systems.map((s, i) => [i, s.name]), showUtterances);
showSummary();
showComparisons();
showExamples();
showUtterances();
showExcluded();
showGlossary();
const speeds = systems.some((s) => s.means.rtf);
byId("pareto").hidden = !speeds;
if (speeds) {
  const measured = Object.keys(record.metrics).filter((name) => name !== "rtf" && systems.some((s) => s.means[name]));
  fillChoice("pareto-metric", measured.map((name) => [name, name]), showPareto);
  showPareto();
}
