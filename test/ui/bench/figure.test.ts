import {expect} from 'chai'

import {Footnotes, renderFigure, renderImprovement, sideTitle} from '../../../src/ui/bench/figure.ts'
import {measured, THROUGHPUT} from './report.ts'

const plain = (text: string | null) => text?.replaceAll('\u{A0}', ' ') ?? null

describe('figures', () => {
  it('are in the unit that suits them', () => {
    expect(plain(renderFigure(9.64, null, 'us'))).to.equal('9.6 µs')
    expect(plain(renderFigure(1530, 40, 'us'))).to.equal('1.5 ms ± 0.0')
    expect(plain(renderFigure(2_500_000, null, 'us'))).to.equal('2.5 s')
    expect(plain(renderFigure(82_700_000, 100_000, 'bytes'))).to.equal('82.7 MB ± 0.1')
    expect(plain(renderFigure(301_000, 6000, 'ops/s'))).to.equal('301 K ± 6')
    expect(plain(renderFigure(0.0421, 0.001, 'TOPS'))).to.equal('0.042 ± 0.001')
    expect(plain(renderFigure(-1500, null, 'bytes/op'))).to.equal('-1.5 KB')
    expect(plain(renderFigure(0, null, 'bytes'))).to.equal('0 B')
  })

  it('have no uncertainty that is larger than themselves', () => {
    expect(plain(renderFigure(10, 400, 'us'))).to.equal('10 µs ± > 100 %')
  })

  it('of improvement have three digits', () => {
    const improvement = (ratio: number) => plain(renderImprovement({...THROUGHPUT, ratio}))
    expect(improvement(12.236)).to.equal('12.2 ×')
    expect(improvement(140.4)).to.equal('140 ×')
    expect(improvement(0.03127)).to.equal('0.0313 ×')
  })

  it('of improvement are nothing where there is nothing to compare', () => {
    const sides = {legacy_without_sleep: measured(0), accelerated: measured(0)}
    expect(renderImprovement({...THROUGHPUT, better: 'lower', ratio: null, sides})).to.equal(null)
  })
})

describe('footnotes', () => {
  it('are numbered as they come, each reason once', () => {
    const footnotes = new Footnotes()
    expect(['a', 'b', 'a'].map((reason) => footnotes.markOf(reason))).to.deep.equal(['¹', '²', '¹'])
    for (let index = 0; index < 10; index++) footnotes.markOf(`more ${index}`)
    expect(footnotes.lines[11]).to.equal('¹² more 9')
  })
})

describe('the title of a side', () => {
  it('is its name in words', () => {
    expect(sideTitle('legacy_without_sleep')).to.equal('legacy without sleep')
    expect(sideTitle('benchmark_app')).to.equal('benchmark app')
  })
})
