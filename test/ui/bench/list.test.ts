import {expect} from 'chai'

import {renderSuiteList} from '../../../src/ui/bench/list.ts'

describe('renderSuiteList', () => {
  it('names every metric with its unit and target', () => {
    const suite = {
      name: 's',
      description: 'what it is',
      metrics: [
        {
          name: 'throughput',
          title: 'throughput, 1024 in flight',
          unit: 'ops/s',
          better: 'higher',
          target: {kind: 'value', bound: 50_000},
        },
        {name: 'latency', title: 'latency', unit: 'us', better: 'lower'},
      ] as const,
    }
    const text = renderSuiteList([suite]).replaceAll('\u{A0}', ' ')
    expect(text).to.equal(
      's: what it is\n  s.throughput: throughput, 1024 in flight, ops/s, higher is better, target ≥ 50 K\n  s.latency: latency, us, lower is better',
    )
  })
})
