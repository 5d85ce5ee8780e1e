/** The style of the page. Colours keep a contrast of 4.5 to 1 for text and 3 to 1 for lines, on light and on dark. */
export const STYLE = `
:root { --paper: #fff; --ink: #1c2430; --soft: #5a6472; --line: #dfe3e8; --accelerated: #0b63c5; --shipped: #7a828d; --bare: #b4530a; --other: #1a7f4b; --second: #8250df; --third: #a4006d; --fourth: #00707f; --bad: #c0262d; --tint: #f5f7f9; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161c; --ink: #e4e8ee; --soft: #9aa5b3; --line: #2b323c; --accelerated: #58a6ff; --shipped: #8b95a3; --bare: #f0954a; --other: #4cc38a; --second: #b794ff; --third: #ff7ac6; --fourth: #3fc6d8; --bad: #ff7b72; --tint: #1a2029; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 24px 20px 48px; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 8px; }
h2 { font-size: 17px; margin: 32px 0 8px; }
p { margin: 4px 0; overflow-wrap: anywhere; }
header p, .legend-text p { color: var(--soft); }
.legend-text { font-size: 13px; margin-top: 8px; }
.warning { border-left: 3px solid var(--bare); padding: 4px 10px; background: var(--tint); margin: 12px 0; }
.scroll { overflow-x: auto; margin-top: 16px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 8px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th[scope=row], thead th:first-child { text-align: left; font-weight: 500; }
th[scope=row] { white-space: normal; min-width: 150px; position: sticky; left: 0; background: var(--paper); }
thead th { font-size: 13px; color: var(--soft); font-weight: 600; }
td.no { color: var(--bad); font-weight: 600; }
.facts { width: auto; } .facts td { text-align: left; white-space: normal; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 24px; margin-top: 32px; }
figure { margin: 0; min-width: 0; } figure.wide { grid-column: 1 / -1; overflow-x: auto; } figure.wide svg { min-width: 560px; max-width: 860px; }
figcaption { font-weight: 600; margin-bottom: 4px; }
svg { display: block; width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; margin: 0 0 4px; padding: 0; font-size: 13px; color: var(--soft); }
.legend .key { display: inline-block; width: 22px; height: 10px; margin-right: 6px; }
text { fill: var(--ink); font: 12px system-ui, sans-serif; } text.tick, text.title { fill: var(--soft); font-size: 11px; } text.value { font-weight: 600; }
.grid { stroke: var(--line); } .axis { stroke: var(--soft); } .target { stroke: var(--ink); stroke-width: 2; }
.better { fill: var(--accelerated); } .worse { fill: var(--bare); }
.side { --side: var(--other); } .side-accelerated { --side: var(--accelerated); } .side-legacy_as_shipped { --side: var(--shipped); } .side-legacy_without_sleep { --side: var(--bare); }
.side-peer_benchmark_app, .side-accelerated_gpu { --side: var(--second); } .side-peer_onnxruntime, .side-accelerated_cpu { --side: var(--third); } .side-peer_openvino-node { --side: var(--fourth); }
.side path { fill: none; stroke: var(--side); stroke-width: 2; stroke-linejoin: round; } .side-legacy_as_shipped > path:not(.mark) { stroke-dasharray: 7 3; } .side-legacy_without_sleep > path:not(.mark) { stroke-dasharray: 2 3; } .side:is([class*=peer_], [class*=accelerated_]) > path:not(.mark) { stroke-dasharray: 9 3 2 3; }
.side circle, .side rect, .side path.mark { fill: var(--side); stroke: var(--paper); stroke-width: 1; }
`
