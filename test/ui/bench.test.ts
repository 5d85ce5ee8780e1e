import {expect} from 'chai'
import {stripVTControlCharacters} from 'node:util'

import {type PrintableMetric, type PrintableReport, renderBench, renderSuiteList} from '../../src/ui/bench.ts'

const measured = (median: number, ci95: [number, number] | null = null) =>
  ({status: 'measured', reason: null, median, ci95}) as const
const without = (status: 'failed' | 'not_available' | 'not_run', reason: string) =>
  ({status, reason, median: null, ci95: null}) as const

const NO_MODELS = 'the old module runs no models'

const THROUGHPUT: PrintableMetric = {
  name: 'throughput',
  unit: 'ops/s',
  better: 'higher',
  sides: {
    legacy_as_shipped: measured(99, [98, 100]),
    legacy_without_sleep: measured(24_600, [24_200, 25_000]),
    accelerated: measured(301_000, [295_000, 307_000]),
  },
  ratio: 12.236,
  target: 50_000,
  target_kind: 'value',
  met: true,
}

const MEMORY: PrintableMetric = {
  name: 'growth',
  unit: 'bytes/op',
  better: 'lower',
  sides: {
    legacy_as_shipped: without('not_run', 'its sleep alone takes 20 s'),
    legacy_without_sleep: measured(81_300, [81_200, 81_400]),
    accelerated: measured(0),
  },
  ratio: null,
  target: 2,
  target_kind: 'ratio',
  met: true,
}

const INFERENCE: PrintableMetric = {
  name: 'latency_p99',
  unit: 'us',
  better: 'lower',
  sides: {
    legacy_as_shipped: without('not_available', NO_MODELS),
    legacy_without_sleep: without('not_available', NO_MODELS),
    accelerated: measured(1530, [1500, 1580]),
  },
  ratio: null,
  target: 1000,
  target_kind: 'value',
  met: false,
}

const REPORT: PrintableReport = {
  environment: {
    accelerated: {engine: 'native', device: 'CPU', device_name: 'Some CPU', runtime: '2026.4.1-22982-abc'},
    cpu: {cores: 2, model: 'Some CPU'},
    legacy: {module: 'reference', python: '3.11.7'},
    warnings: ['load average 6.8 on 2 cores'],
  },
  suites: [
    {name: 'coordination', metrics: [THROUGHPUT], notes: ['Timed around submit().']},
    {name: 'inference', metrics: [INFERENCE], notes: []},
    {name: 'memory', metrics: [MEMORY], notes: []},
  ],
  checks: [{bound: 50_000, kind: 'below', met: false, metric: 'coordination.throughput', value: 49_999}],
}

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

  it('gives the reason for a cell without a figure, each once', () => {
    const text = render()
    expect(cellsOf(rowOf(text, 'inference')).slice(2, 4)).to.deep.equal(['none ¹', 'none ¹'])
    expect(cellsOf(rowOf(text, 'memory'))[2]).to.equal('not run ²')
    expect(text.split('\n').filter((line) => line.endsWith(NO_MODELS))).to.deep.equal([`¹ ${NO_MODELS}`])
    expect(text).to.contain('² its sleep alone takes 20 s')
  })

  it('says plainly whether a target is met, also where nothing is left to divide by', () => {
    const text = render()
    expect(cellsOf(rowOf(text, 'inference')).slice(4)).to.deep.equal(['1.5 ms ± 0.0', '·', '< 1 ms', '✖ no', ''])
    expect(cellsOf(rowOf(text, 'memory')).slice(3)).to.deep.equal(['81.3 KB ± 0.1', '0 B', '∞', '≥ 2 ×', '✔ yes', ''])
  })

  it('says which bounds were broken', () => {
    expect(render()).to.contain('✖ coordination.throughput is 49999, at least 50000 was asked for')
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

describe('renderSuiteList', () => {
  it('names every metric with its unit and target', () => {
    const suite = {
      name: 's',
      description: 'what it is',
      metrics: [{...THROUGHPUT, target: {kind: 'value', bound: 50_000}}],
    }
    const text = renderSuiteList([suite as never]).replaceAll(NO_BREAK, ' ')
    expect(text).to.equal('s: what it is\n  s.throughput, ops/s, higher is better, target ≥ 50 K')
  })
})
