import {expect} from 'chai'

import type {OperationResult} from '../../../src/core/engine/engine.ts'

import {EngineMetrics, summarize} from '../../../src/core/engine/metrics.ts'

const RESULT: OperationResult = {
  type: 'echo',
  device: null,
  engine: 'legacy',
  fallback: null,
  queueUs: 5,
  computeUs: 10,
  totalUs: 20,
}

describe('metrics', () => {
  describe('EngineMetrics', () => {
    it('counts what was submitted, completed, failed by code and fell back', () => {
      const metrics = new EngineMetrics('legacy')
      for (let index = 0; index < 4; index++) metrics.submitted()
      metrics.completed(RESULT)
      metrics.completed({...RESULT, fallback: {from: 'native', to: 'legacy', reason: 'absent'}})
      metrics.failed('CANCELLED')
      metrics.failed('CANCELLED')
      const snapshot = metrics.snapshot(3, 1)
      expect(snapshot).to.include({
        engine: 'legacy',
        submitted: 4,
        completed: 2,
        failed: 2,
        fallbacks: 1,
        queueDepth: 3,
        running: 1,
      })
      expect(snapshot.failuresByCode).to.deep.equal({CANCELLED: 2})
      expect(snapshot.uptimeMs).to.be.at.least(0)
    })

    it('keeps the latencies of each operation type apart', () => {
      const metrics = new EngineMetrics('legacy')
      metrics.completed(RESULT)
      metrics.completed({...RESULT, type: 'route', computeUs: 1000, totalUs: 2000})
      const {echo, route} = metrics.snapshot(0, 0).operations
      expect(echo!.compute.p50).to.be.closeTo(10, 0.1)
      expect(route!.compute.p50).to.be.closeTo(1000, 1)
      expect(route!.total.max).to.be.closeTo(2000, 2)
    })
  })

  describe('summarize', () => {
    it('gives percentiles within a thousandth', () => {
      const summary = summarize(Array.from({length: 10_000}, (_, index) => index + 1))
      expect(summary.count).to.equal(10_000)
      for (const [name, value] of Object.entries({
        p50: 5000,
        p90: 9000,
        p95: 9500,
        p99: 9900,
        p999: 9990,
        max: 10_000,
      })) {
        expect(summary[name as keyof typeof summary], name).to.be.closeTo(value, value / 1000)
      }

      expect(summary.mean).to.be.closeTo(5000.5, 5)
    })

    it('keeps durations beyond its bounds at the bound', () => {
      expect(summarize([0.001, 1e12])).to.include({count: 2})
      expect(summarize([0.001]).max).to.be.closeTo(0.01, 0.008)
    })

    it('is all zero without a single duration', () => {
      expect(summarize([])).to.deep.equal({count: 0, mean: 0, p50: 0, p90: 0, p95: 0, p99: 0, p999: 0, max: 0})
    })
  })
})
