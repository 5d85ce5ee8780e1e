import {expect} from 'chai'

import {renderGha} from '../../../src/ui/bench/gha.ts'
import {REPORT} from './report.ts'

describe('renderGha', () => {
  it('has the metrics of which more is better, and those of which less is', () => {
    expect(JSON.parse(renderGha(REPORT, 'higher'))).to.deep.equal([
      {
        name: 'coordination.throughput',
        unit: 'ops/s',
        value: 301_000,
        range: '± 6000',
        extra: '5 samples\nlegacy without sleep 24.6\u{A0}K',
      },
    ])
    const smaller = JSON.parse(renderGha(REPORT, 'lower')) as Array<{name: string}>
    expect(smaller.map(({name}) => name)).to.deep.equal(['inference.latency_p99', 'memory.growth'])
  })

  it('leaves out what has no figure', () => {
    const [suite] = REPORT.suites
    const [metric] = suite!.metrics
    const sides = {accelerated: {...metric!.sides.accelerated!, median: null, status: 'failed'}} as const
    const report = {...REPORT, suites: [{...suite!, metrics: [{...metric!, sides}]}]}
    expect(JSON.parse(renderGha(report, 'higher'))).to.deep.equal([])
  })
})
