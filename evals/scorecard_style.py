"""The style sheet of the scorecard: the colours of the incident pages, for light, dark and print."""

from __future__ import annotations

STYLE = """
:root {
  --page: #f3f5f8; --card: #fff; --ink: #141a22; --soft: #4d5866; --rule: #d5dbe3; --link: #0b57a4;
  --bad: #b0121b; --warn: #8f4a00; --good: #17682f; --bar: #0b57a4; --grid: #dfe4ea; --dim: #8b97a6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --card: #161c24; --ink: #e7ecf2; --soft: #a4b0be; --rule: #2d3743; --link: #7ab8ff;
    --bad: #ff7b7b; --warn: #ffb65c; --good: #6bd68d; --bar: #5a9fe8; --grid: #27303b; --dim: #66727f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
header, main { max-width: 84rem; margin: 0 auto; padding: 0 clamp(.6rem, 2vw, 2rem); }
header { padding-top: 1.4rem; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .2rem; }
p { margin: 0 0 .5rem; overflow-wrap: anywhere; }
header p, .about { color: var(--soft); font-size: .88rem; }
.card {
  background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: .9rem 1.1rem; margin: 0 0 1rem;
  break-inside: avoid; min-width: 0;
}
.tiles { display: grid; gap: .7rem; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); margin: 1rem 0; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: .6rem .8rem; }
.tile b { display: block; font-size: 1.45rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile span { display: block; font-size: .82rem; font-weight: 600; }
.tile small { display: block; color: var(--soft); font-size: .78rem; line-height: 1.35; }
.tile.bad b { color: var(--bad); }
.tile.good b { color: var(--good); }
.plots { columns: 26rem; column-gap: 1rem; margin: 0 0 1rem; }
svg { display: block; width: 100%; height: auto; max-width: 40rem; margin: .4rem 0 0; }
svg text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); }
svg .name { fill: var(--ink); }
svg .end { text-anchor: end; }
svg .mid { text-anchor: middle; }
svg .grid { stroke: var(--grid); }
svg .ideal { stroke: var(--dim); stroke-dasharray: 4 3; }
svg .bar { fill: var(--bar); opacity: .75; }
svg .bar.low { fill: var(--bad); }
svg .bar.half { fill: var(--warn); }
svg .span { stroke: var(--ink); stroke-width: 1.4; }
svg .dot { fill: var(--bar); stroke: var(--card); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th { text-align: left; color: var(--soft); font-weight: 600; font-size: .8rem; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td { overflow-wrap: anywhere; }
th.num, .num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.fail { color: var(--bad); font-weight: 600; }
.why { color: var(--soft); font-size: .82rem; }
details > summary { cursor: pointer; color: var(--link); }
@media (max-width: 44rem) {
  table.cases thead { position: absolute; clip-path: inset(50%); }
  table.cases, .cases tbody { display: block; }
  .cases tr { display: flex; flex-wrap: wrap; gap: 0 .7rem; padding: .35rem 0; border-bottom: 1px solid var(--rule); }
  .cases td { border: 0; padding: 0; text-align: left; }
  .cases td:first-child, .cases .why { flex-basis: 100%; }
}
@media (max-width: 30rem) {
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .card { padding: .7rem .8rem; }
}
@media print { .plots { columns: 2; } body { background: #fff; } }
"""
