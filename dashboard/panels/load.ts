/** What waits, by priority, and how much runs together. */
import type {View} from '../../src/core/dashboard/view.ts'

import {formatCount, UNKNOWN} from '../../src/ui/units.ts'
import {byId, el, keyed, setAttribute, setText} from '../dom.ts'

type Bar = readonly [label: string, value: number]

export function showLoad({batchSizes, meanBatch, queueByPriority}: View): void {
  showBars('priorities', queueByPriority, 'The engine does not tell priorities apart.')
  const bars = batchSizes.map(([size, count]) => [`${size}`, count] as const)
  showBars('batches', bars, 'Nothing was run in batches yet.')
  const mean = meanBatch === null ? UNKNOWN : meanBatch.toFixed(meanBatch < 10 ? 2 : 1)
  setText(byId('batches-mean'), `Operations in one inference; ${mean} on average.`)
}

function showBars(id: string, bars: readonly Bar[], none: string): void {
  const most = Math.max(1, ...bars.map(([, value]) => value))
  const parent = byId(id)
  keyed(parent, bars.length > 0 ? bars : [['none', -1] as const], {
    key: ([label]) => label,
    make: ([label, value]) =>
      value === -1
        ? el('p', {class: 'soft'}, none)
        : el(
            'div',
            {class: 'barline'},
            el('span', {}, label),
            el('meter', {min: '0', 'aria-label': label}),
            el('span'),
          ),
    update(element, [, value]) {
      const meter = element.querySelector('meter')
      if (!meter) return
      setAttribute(meter, 'max', String(most))
      setAttribute(meter, 'value', String(value))
      setText(element.lastElementChild!, formatCount(value))
    },
  })
}
