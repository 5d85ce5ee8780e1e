import {expect} from 'chai'

import {renderHtml} from '../../../src/ui/bench/html.ts'
import {REPORT} from './report.ts'

/** Tags that are opened and not closed, or closed and not opened, in this order. */
function unbalanced(html: string): string[] {
  const open: string[] = []
  for (const [, slash, name, , selfClosed] of html.matchAll(/<(\/?)([a-z\d]+)\b([^>]*?)(\/?)>/g)) {
    if (selfClosed || ['link', 'meta'].includes(name!)) continue
    if (slash) {
      if (open.pop() !== name) return [...open, `/${name}`]
    } else {
      open.push(name!)
    }
  }

  return open
}

describe('renderHtml', () => {
  const html = renderHtml(REPORT)

  it('is well-formed and needs nothing from anywhere', () => {
    expect(html).to.match(/^<!doctype html>/)
    expect(unbalanced(html)).to.deep.equal([])
    expect(html).to.not.match(/<script|https?:|@import|url\(/)
  })

  it('has the figures, the reasons and the method', () => {
    const text = html.replaceAll('\u{A0}', ' ')
    expect(text).to.contain('<td>301 K ± 6</td><td>12.2 ×</td><td>≥ 50 K</td><td class="met">✔ yes</td>')
    expect(text).to.contain('<td class="met no">✖ no</td>')
    expect(text).to.contain('¹ the old module runs no models')
    expect(text).to.contain('coordination: Timed around submit().')
    expect(text).to.contain('coordination.throughput is 49999, at least 50000 was asked for')
  })

  it('has plots with a name for each', () => {
    const names = [...html.matchAll(/role="img" aria-label="([^"]+)"/g)].map(([, name]) => name)
    expect(names).to.deep.equal([
      'Improvement over the legacy module without its sleep; a mark is the target',
      'coordination: latency by percentile',
      'memory: memory',
    ])
  })

  it('plots metrics that share an axis, and leaves out one that is alone', () => {
    const [suite] = REPORT.suites
    const [metric] = suite!.metrics
    const metrics = [metric!, {...metric!, name: 'b', point: {axis: 'operations in flight', x: 1}}]
    const text = renderHtml({...REPORT, suites: [{...suite!, metrics}]})
    expect(text).to.contain('aria-label="coordination: ops/s by operations in flight"')
    expect(html).to.not.contain('by operations in flight')
  })

  it('has numbers only where a plot has places', () => {
    for (const [, value] of html.matchAll(/ (?:x|y|x1|x2|y1|y2|cx|cy|width)="([^"%]*)"/g)) {
      expect(Number.isFinite(Number(value)), value).to.equal(true)
    }

    expect(html).to.not.contain('NaN')
  })

  it('lets no text become markup', () => {
    const warnings = ['<img src=x onerror="alert(1)"> & \'more\'']
    const text = renderHtml({...REPORT, environment: {...REPORT.environment, warnings}})
    expect(text).to.contain('&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; &#39;more&#39;')
    expect(unbalanced(text)).to.deep.equal([])
  })
})
