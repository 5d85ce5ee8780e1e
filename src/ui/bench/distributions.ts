/** How single operations are spread over time. */
import type {PrintableSuite} from './printable.ts'

import {renderTable} from '../table.ts'
import {renderFigure, sideTitle} from './figure.ts'

/** Narrower than this, the percentiles would be wrapped. */
const LEAST_WIDTH = 120
const BARS = '▁▂▃▄▅▆▇█'
const BARS_PER_DECADE = 8
const MOST_BARS = 34

/** A row for each side and each thing that was timed; nothing where the terminal is too narrow. */
export function renderSpreads(suites: readonly PrintableSuite[], width: number | undefined): string[] {
  const rows = suites.flatMap((suite) =>
    suite.distributions.flatMap(({name, sides}) =>
      Object.entries(sides).map(([side, each]) => [
        `${suite.name} ${name}`,
        sideTitle(side),
        ...[each.p50, each.p90, each.p95, each.p99, each.p999, each.max].map((us) => renderFigure(us, null, 'us')),
        renderBars(each.buckets),
      ]),
    ),
  )
  if (rows.length === 0 || (width !== undefined && width < LEAST_WIDTH)) return []
  const percentiles = ['p50', 'p90', 'p95', 'p99', 'p99.9', 'max']
  const columns = [
    {title: 'single operations'},
    {title: 'side'},
    ...percentiles.map((title) => ({title, align: 'right' as const})),
    {title: `spread, ${BARS_PER_DECADE} bars for each power of ten`},
  ]
  return [renderTable({columns, rows, width})]
}

/** Bars as high as the root of what they stand for, so that rare ones are seen; a gap stands for nothing. */
function renderBars(buckets: ReadonlyArray<readonly [number, number]>): string {
  const first = Math.round(BARS_PER_DECADE * Math.log10(buckets[0]?.[0] ?? 1))
  const highest = Math.max(...buckets.map(([, count]) => count))
  const bars: string[] = []
  for (const [start, count] of buckets) {
    const at = Math.round(BARS_PER_DECADE * Math.log10(start)) - first
    bars[at] = BARS[Math.ceil(Math.sqrt(count / highest) * BARS.length) - 1]!
  }

  return Array.from({length: Math.min(bars.length, MOST_BARS)}, (_, index) => bars[index] ?? ' ').join('')
}
