import {expect} from 'chai'

import {metricsText} from '../../../src/core/engine/metrics-text.ts'
import {EngineMetrics} from '../../../src/core/engine/metrics.ts'

const RESULT = {
  type: 'echo',
  device: null,
  engine: 'legacy',
  fallback: null,
  queueUs: 1000,
  computeUs: 2000,
  totalUs: 3000,
} as const

function page(): string {
  const metrics = new EngineMetrics('legacy')
  for (let index = 0; index < 3; index++) metrics.submitted()
  metrics.completed(RESULT)
  metrics.completed(RESULT)
  metrics.failed('LEGACY_FAILED')
  return metricsText(metrics.snapshot(4, 1))
}

describe('the metrics of engines in TypeScript as text', () => {
  it('have the counts, and times in seconds', () => {
    const lines = page().split('\n')
    expect(lines).to.include.members([
      'npubridge_operations_submitted_total 3',
      'npubridge_operations_completed_total 2',
      'npubridge_operations_failed_total{code="LEGACY_FAILED"} 1',
      'npubridge_queue_depth 4',
      'npubridge_operations_running 1',
      'npubridge_operation_total_seconds_count{type="echo"} 2',
    ])
    const median = lines.find((line) =>
      line.startsWith('npubridge_operation_total_seconds{type="echo",quantile="0.5"}'),
    )
    expect(Number(median?.split(' ').at(-1))).to.be.closeTo(0.003, 3e-5)
  })

  it('declare each family once, before its samples, and end with a line feed', () => {
    const text = page()
    expect(text.endsWith('\n')).to.equal(true)
    const declared = new Set<string>()
    for (const line of text.trimEnd().split('\n')) {
      const [, keyword, name] = /^# (HELP|TYPE) (\S+) \S/.exec(line) ?? []
      if (keyword === 'TYPE') {
        expect(declared.has(name!), line).to.equal(false)
        declared.add(name!)
      } else if (keyword === undefined) {
        const [, series] = /^(\w+)(?:\{[^{}]*\})? \d\S*$/.exec(line) ?? []
        expect(series, line).to.be.a('string')
        expect(declared.has(series!) || declared.has(series!.replace(/_(?:sum|count)$/, '')), line).to.equal(true)
      }
    }
  })
})
