import {expect} from 'chai'

import {renderCsv} from '../../../src/ui/bench/csv.ts'
import {renderHtml} from '../../../src/ui/bench/html.ts'
import {renderMarkdown} from '../../../src/ui/bench/markdown.ts'
import {renderBench} from '../../../src/ui/bench/table.ts'
import {INFERENCE, measured, REPORT, without} from './report.ts'

const report = {
  ...REPORT,
  suites: [
    {
      ...REPORT.suites[0]!,
      name: 'inference',
      metrics: [
        {
          ...INFERENCE,
          sides: {
            ...INFERENCE.sides,
            accelerated_gpu: without('failed', 'GPU does not know the operation Foo'),
            peer_benchmark_app: measured(1560, [1550, 1570]),
          },
          others: {peer_benchmark_app: {ratio: 1.0196}},
        },
      ],
    },
  ],
}

describe('other devices and programs', () => {
  it('stand in a table of their own on a terminal', () => {
    const text = renderBench(report, 120).replaceAll('\u{A0}', ' ')
    expect(text).to.match(/│ also measured +│ side +│ +figure │ accelerated is │/)
    expect(text).to.match(/│ inference latency p99 +│ benchmark_app +│ +1\.6 ms ± 0\.0 │ 1\.02 × as good │/)
    expect(text).to.match(/│ inference latency p99 +│ accelerated on GPU +│ +failed \S+ │/)
    expect(text).to.match(/\S+ GPU does not know the operation Foo/)
  })

  it('are in every export', () => {
    expect(renderMarkdown(report)).to.contain('1.02\u{A0}× as good')
    expect(renderHtml(report)).to.contain('accelerated on GPU')
    expect(renderCsv(report)).to.match(/inference,latency_p99,us,lower,peer_benchmark_app,measured,1560/)
  })

  it('are not mentioned where there are none', () => {
    expect(renderBench(REPORT, 120)).to.not.contain('also measured')
  })
})
