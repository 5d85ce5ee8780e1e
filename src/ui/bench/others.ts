/** Devices and programs beside the sides that every metric has. */
import type {PrintableSuite} from './printable.ts'

import {type Footnotes, metricTitle, NO_BREAK, renderSide, SIDES, sideTitle} from './figure.ts'

export const OTHERS_HEAD = ['also measured', 'side', 'figure', 'accelerated is'] as const

/** A row of cells for each figure of each of them. */
export function otherRows(suites: readonly PrintableSuite[], footnotes: Footnotes): string[][] {
  return suites.flatMap(({metrics, name}) =>
    metrics.flatMap((metric) =>
      Object.entries(metric.sides)
        .filter(([key]) => key !== 'other_build' && SIDES.every((side) => side.key !== key))
        .map(([key, side]) => [
          `${name} ${metricTitle(metric)}`,
          sideTitle(key),
          renderSide(metric, side, footnotes) ?? '',
          renderShare(metric.others[key]?.ratio),
        ]),
    ),
  )
}

/** Close to one, so that a percent shows: `1.02 × as good`. */
function renderShare(ratio: number | undefined): string {
  return ratio === undefined ? '' : `${ratio.toFixed(2)}${NO_BREAK}× as good`
}
