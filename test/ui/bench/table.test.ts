import {expect} from 'chai'
import {stripVTControlCharacters} from 'node:util'

import {renderBench} from '../../../src/ui/bench/table.ts'
import {COMPARISON, measured, NO_MODELS, REPORT, THROUGHPUT} from './report.ts'

const NO_BREAK = '\u{A0}'
const render = (width?: number) => stripVTControlCharacters(renderBench(REPORT, width)).replaceAll(NO_BREAK, ' ')
const rowOf = (text: string, start: string) => text.split('\n').find((line) => line.startsWith(`│ ${start}`)) ?? ''
const cellsOf = (row: string) => row.split('│').map((cell) => cell.trim())

describe('renderBench', () => {
  it('shows a row a metric where nothing limits the width', () => {
    const text = render()
    expect(cellsOf(rowOf(text, 'metric'))).to.deep.equal([
      '',
      'metric',
      'legacy as shipped',
      'legacy without sleep',
      'accelerated',
      'improvement',
      'target',
      'met',
      '',
    ])
    expect(cellsOf(rowOf(text, 'coordination'))).to.deep.equal([
      '',
      'coordination throughput, ops/s',
      '99 ± 1',
      '24.6 K ± 0.4',
      '301 K ± 6',
      '12.2 ×',
      '≥ 50 K',
      '✔ yes',
      '',
    ])
  })

  it('says what was compared with what', () => {
    const text = render()
    expect(text).to.match(/^Legacy: the reference of the old module on Python 3\.11\.7\n/)
    expect(text).to.contain('Accelerated: native engine on CPU (Some CPU, 2 cores), OpenVINO 2026.4.1\n')
    expect(text).to.contain('Improvement compares with the legacy module without its sleep.')
    expect(text).to.contain('! load average 6.8 on 2 cores')
    expect(text).to.contain('coordination: Timed around submit().')
  })

  it('says that too few samples tell nothing of how certain a figure is, where there are such', () => {
    const told = 'A figure without ± comes of fewer than three samples'
    expect(render()).to.contain(told)
    const suite = {...REPORT.suites[0]!, metrics: [THROUGHPUT]}
    expect(renderBench({...REPORT, suites: [suite]})).to.not.contain(told)
  })

  it('gives the reason for a cell without a figure, each once', () => {
    const text = render()
    expect(cellsOf(rowOf(text, 'inference')).slice(2, 4)).to.deep.equal(['none ¹', 'none ¹'])
    expect(cellsOf(rowOf(text, 'memory'))[2]).to.equal('not run ²')
    expect(text.split('\n').filter((line) => line.endsWith(NO_MODELS))).to.deep.equal([`¹ ${NO_MODELS}`])
    expect(text).to.contain('² its sleep alone takes 20 s')
  })

  it('says plainly whether a target is met, also where nothing is left to divide by', () => {
    const text = render()
    expect(cellsOf(rowOf(text, 'inference')).slice(4)).to.deep.equal(['1.5 ms ± 0.1', '·', '< 1 ms', '✖ no', ''])
    expect(cellsOf(rowOf(text, 'memory')).slice(3)).to.deep.equal(['81.3 KB ± 0.1', '0 B', '∞', '≥ 2 ×', '✔ yes', ''])
  })

  it('says which bounds were broken', () => {
    expect(render()).to.contain('✖ coordination.throughput is 49999, at least 50000 was asked for')
  })

  it('shows how single operations are spread, where there is room', () => {
    const row = cellsOf(rowOf(render(), 'coordination latency'))
    expect(row.slice(1, 9)).to.deep.equal([
      'coordination latency',
      'accelerated',
      '9.6 µs',
      '12 µs',
      '15 µs',
      '140 µs',
      '2.3 ms',
      '2.3 ms',
    ])
    expect(row[9]).to.equal('█▆      ▂')
    expect(rowOf(render(100), 'coordination latency')).to.equal('')
  })

  it('marks figures that are not stable', () => {
    const side = {...measured(100, [60, 110]), stable: false}
    const metrics = [{...THROUGHPUT, sides: {...THROUGHPUT.sides, accelerated: side}}]
    const text = renderBench({...REPORT, suites: [{name: 's', metrics, notes: [], distributions: [], series: []}]})
    expect(text.replaceAll(NO_BREAK, ' ')).to.match(/│ +≈ 100 ± 40 │/)
    expect(text).to.contain('≈ marks figures that are not stable')
    expect(render()).to.not.contain('≈')
  })

  it('does not give an uncertainty that is larger than the value', () => {
    const metrics = [{...THROUGHPUT, sides: {...THROUGHPUT.sides, accelerated: measured(100, [10, 4000])}}]
    const text = renderBench({...REPORT, suites: [{name: 's', metrics, notes: [], distributions: [], series: []}]})
    expect(text.replaceAll(NO_BREAK, ' ')).to.match(/│ +100 ± > 100 % │/)
  })

  it('shows a comparison, with what to make of it', () => {
    const text = renderBench({...REPORT, comparison: COMPARISON}).replaceAll(NO_BREAK, ' ')
    const row = rowOf(text, 'coordination.throughput')
    expect(cellsOf(row).slice(1, -1)).to.deep.equal([
      'coordination.throughput',
      '320 K',
      '301 K',
      '−6.0 %',
      '0.002',
      '-0.80',
      '✖ regression',
    ])
    expect(cellsOf(rowOf(text, 'memory.growth')).slice(3, 7)).to.deep.equal(['0 B', '·', '0.400', '0.10'])
    expect(text).to.contain('Compared with the baseline before of 2026-11-20. A fixed load took +2.0 % of time since')
    expect(text).to.contain('Not the same: Node.js is 24, was 22.')
    expect(text).to.contain('1 metric is significantly worse by more than 5 %, which does not fail because')
  })

  it('says that it was interrupted', () => {
    expect(renderBench({...REPORT, interrupted: true})).to.contain('! interrupted: this is what was measured')
  })

  it('fits a table into 80 columns without breaking a word', () => {
    const lines = render(80).split('\n')
    for (const line of lines) expect(line.length, line).to.be.at.most(80)
    const table = lines.filter((line) => line.startsWith('│')).map((line) => cellsOf(line))
    const words = new Set(table.flat().flatMap((cell) => cell.split(' ')))
    for (const word of ['coordination', 'accelerated', 'improvement', 'shipped', 'without', 'throughput,']) {
      expect(words, word).to.include(word)
    }
  })

  it('lists the figures in 40 columns', () => {
    const text = render(40)
    for (const line of text.split('\n')) expect(line.length, line).to.be.at.most(40)
    expect(text).to.contain(
      [
        'coordination throughput, ops/s',
        '  legacy as shipped     99 ± 1',
        '  legacy without sleep  24.6 K ± 0.4',
        '  accelerated           301 K ± 6',
        '  improvement           12.2 ×',
        '  target                ≥ 50 K ✔ yes',
      ].join('\n'),
    )
  })

  it('says when a side could not be opened at all', () => {
    const environment = {...REPORT.environment, accelerated: null, legacy: null}
    const text = renderBench({...REPORT, environment})
    expect(text).to.match(/^Legacy: cannot be run, see below\nAccelerated: cannot be run, see below\n/)
  })
})
