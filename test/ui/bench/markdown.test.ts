import {expect} from 'chai'

import {renderMarkdown} from '../../../src/ui/bench/markdown.ts'
import {REPORT} from './report.ts'

describe('renderMarkdown', () => {
  const text = renderMarkdown(REPORT).replaceAll('\u{A0}', ' ')
  const cellsOf = (start: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`| ${start}`))!
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())

  it('has a table of the figures', () => {
    expect(cellsOf('coordination throughput')).to.deep.equal([
      'coordination throughput, ops/s',
      '99 ± 1',
      '24.6 K ± 0.4',
      '301 K ± 6',
      '12.2 ×',
      '≥ 50 K',
      'yes',
    ])
    expect(cellsOf('inference latency p99').at(-1)).to.equal('no')
  })

  it('has as many cells in each row of a table as in its head', () => {
    const tables = text.split('\n\n').filter((part) => part.startsWith('|'))
    expect(tables).to.have.lengthOf(3)
    for (const table of tables) {
      const counts = new Set(table.split('\n').map((row) => row.split('|').length))
      expect(counts.size, table).to.equal(1)
    }
  })

  it('escapes what Markdown would take for its own', () => {
    const warnings = ['a|b *c* <d> `e`']
    const escaped = renderMarkdown({...REPORT, environment: {...REPORT.environment, warnings}})
    expect(escaped).to.contain(String.raw`Warning: a\|b \*c\* \<d\> \`e\`.`)
  })

  it('tells of machine and method', () => {
    expect(cellsOf('Processor')).to.deep.equal(['Processor', 'Some CPU, 2 cores, governor unknown, load 6.8'])
    expect(text).to.contain('Method: 5 rounds of 30 ms a side')
  })
})
