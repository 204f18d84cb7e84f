const SVG = "http://www.w3.org/2000/svg";
const plot = { width: 860, height: 420, left: 70, right: 150, top: 20, bottom: 50 };

function shape(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text != null) node.textContent = text;
  return node;
}

/** Round numbers between two values: 1, 2 or 5 times a power of ten apart. */
function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** 1, 2 and 5 times the powers of ten between two values. */
function logTicks(low, high) {
  const powers = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) powers.push(power);
  return powers.flatMap((p) => [1, 2, 5].map((f) => f * 10 ** p)).filter((t) => t >= low && t <= high);
}

function showPareto() {
  const name = byId("pareto-metric").value;
  const points = systems
    .filter((s) => s.means[name] && s.means.rtf)
    .map((s) => ({ label: s.name, rtf: s.means.rtf.mean, ...s.means[name] }))
    .sort((a, b) => a.rtf - b.rtf || lossOf(name, a.mean) - lossOf(name, b.mean));
  const svg = shape("svg", { viewBox: `0 0 ${plot.width} ${plot.height}`, width: plot.width, role: "img" });
  const [x, y] = drawAxes(svg, name, points);
  const frontier = points.filter((p, i) => points.slice(0, i).every((q) => lossOf(name, q.mean) > lossOf(name, p.mean)));
  svg.append(shape("polyline", { class: "frontier", points: frontier.map((p) => `${x(p.rtf)},${y(p.mean)}`).join(" ") }));
  let lastLabel = { x: -Infinity, y: 0 };
  for (const p of points) {
    const [cx, cy] = [x(p.rtf), y(p.mean)];
    if (p.low != null) svg.append(shape("line", { class: "bar", x1: cx, x2: cx, y1: y(p.low), y2: y(p.high) }));
    const circle = shape("circle", { class: "point", cx, cy, r: 5 });
    circle.append(shape("title", {}, `${p.label}: ${name} ${shown(name, p.mean)}, RTF ${shown("rtf", p.rtf)}`));
    const crowded = Math.abs(cx - lastLabel.x) < 90 && Math.abs(cy - lastLabel.y) < 14;
    const labelY = crowded ? lastLabel.y + 14 : cy;
    svg.append(circle, shape("text", { x: cx + 9, y: labelY + 4 }, p.label));
    lastLabel = { x: cx, y: labelY };
  }
  byId("pareto-plot").replaceChildren(svg);
}

/** Draw the axes and return the functions from values to places; what is better lies higher. */
function drawAxes(svg, name, points) {
  const rtfs = points.map((p) => p.rtf);
  const [slow, fast] = [Math.max(...rtfs) * 1.5, Math.min(...rtfs) / 1.5];
  const ends = points.flatMap((p) => [p.low ?? p.mean, p.high ?? p.mean]);
  const margin = 0.08 * (Math.max(...ends) - Math.min(...ends)) || 0.5;
  const [low, high] = [Math.min(...ends) - margin, Math.max(...ends) + margin];
  const [floor, ceiling] = columns[name].better === "higher" ? [low, high] : [high, low];
  const bottom = plot.height - plot.bottom;
  const right = plot.width - plot.right;
  const x = (v) => plot.left + ((right - plot.left) * Math.log(v / fast)) / Math.log(slow / fast);
  const y = (v) => bottom - ((bottom - plot.top) * (v - floor)) / (ceiling - floor);
  for (const t of ticks(low, high, 6)) {
    svg.append(shape("line", { class: "grid", x1: plot.left, x2: right, y1: y(t), y2: y(t) }));
    svg.append(shape("text", { x: plot.left - 8, y: y(t) + 4, "text-anchor": "end" }, shown(name, t)));
  }
  for (const t of logTicks(fast, slow)) {
    svg.append(shape("line", { class: "grid", x1: x(t), x2: x(t), y1: plot.top, y2: bottom }));
    svg.append(shape("text", { x: x(t), y: bottom + 18, "text-anchor": "middle" }, String(Number(t.toPrecision(1)))));
  }
  svg.append(shape("line", { class: "axis", x1: plot.left, x2: right, y1: bottom, y2: bottom }));
  svg.append(shape("line", { class: "axis", x1: plot.left, x2: plot.left, y1: plot.top, y2: bottom }));
  svg.append(shape("text", { x: (plot.left + right) / 2, y: plot.height - 10, "text-anchor": "middle" }, "real-time factor"));
  const middle = (plot.top + bottom) / 2;
  const turned = { x: 16, y: middle, "text-anchor": "middle", transform: `rotate(-90 16 ${middle})` };
  svg.append(shape("text", turned, name + unitOf(name)));
  return [x, y];
}
