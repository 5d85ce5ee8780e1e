/** One page about a search, without scripts. */
import {escapeHtml} from '../bench/chart.ts'
import {STYLE} from '../bench/style.ts'
import {letterOf, renderSvg} from './plot.ts'
import {pointsOf, type PrintableTuneReport} from './report.ts'

const OWN_STYLE = `
figure { max-width: 760px; } .line { fill: none; stroke: var(--accelerated); stroke-width: 2; }
.front { fill: var(--accelerated); } .behind { fill: var(--shipped); } .winner { fill: var(--other); stroke: var(--paper); }
`

export function renderTunePage(report: PrintableTuneReport): string {
  const {advice, device, explanation, model, objective, runtime, settings, winner} = report
  const rows = settings.map(
    ({figures, front, name}, index) =>
      `<tr><th scope="row">${letterOf(index, {front})} · ${escapeHtml(name)}${name === winner ? ' ✔' : ''}</th>${[
        figures.throughput,
        figures.p50Us,
        figures.p99Us,
        figures.loadedP99Us,
      ]
        .map((value) => `<td>${Number(value.toPrecision(4))}</td>`)
        .join(
          '',
        )}<td>${figures.memoryBytes === null ? 'unknown' : Math.round(figures.memoryBytes / 2 ** 20)}</td></tr>`,
  )
  const head = ['setting', 'operations a second', 'p50 alone, µs', 'p99 alone, µs', 'p99 loaded, µs', 'memory, MB']
  const paragraphs = [...explanation, ...advice.map((each) => `${each.advice} ${each.because}`)]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>npubridge tune, ${escapeHtml(model)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}${OWN_STYLE}</style>
</head>
<body>
<header><h1>npubridge tune</h1><p>${escapeHtml(`${model} on ${device}, OpenVINO ${runtime?.split('-', 1)[0] ?? 'unknown'}, tuned for ${objective}`)}</p></header>
<main>
${renderSvg(pointsOf(report))}
<p class="legend-text">Capitals and the line: settings that nothing beats in both. The diamond is the winner.</p>
<div class="scroll"><table><thead><tr>${head.map((title) => `<th scope="col">${title}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>
${paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`).join('\n')}
</main>
</body>
</html>
`
}
