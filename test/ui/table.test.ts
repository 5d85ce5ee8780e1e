import {expect} from 'chai'

import {renderTable} from '../../src/ui/table.ts'

const columns = [{title: 'name'}, {title: 'what it does'}, {title: 'size', align: 'right'}] as const
const rows = [
  ['magika', 'file types', '3.2 MB'],
  ['silero-vad', 'speech in 16 kHz audio, recurrent', '999 B'],
]

const widths = (table: string) => table.split('\n').map((line) => line.length)

describe('renderTable', () => {
  it('takes the width that it needs, with one line for the head only', () => {
    expect(renderTable({columns, rows, width: undefined})).to.equal(
      [
        '┌────────────┬───────────────────────────────────┬────────┐',
        '│ name       │ what it does                      │   size │',
        '├────────────┼───────────────────────────────────┼────────┤',
        '│ magika     │ file types                        │ 3.2 MB │',
        '│ silero-vad │ speech in 16 kHz audio, recurrent │  999 B │',
        '└────────────┴───────────────────────────────────┴────────┘',
      ].join('\n'),
    )
  })

  it('fits a narrow terminal by wrapping the widest column between words', () => {
    const table = renderTable({columns, rows, width: 44})
    expect(Math.max(...widths(table))).to.be.at.most(44)
    expect(table).to.contain('│ silero-vad │ speech in 16').and.to.contain('recurrent')
  })

  it('keeps lines between rows that take several lines', () => {
    const table = renderTable({columns, rows: [...rows, ...rows], width: 44})
    expect(table.match(/├/g)).to.have.length(4)
  })

  it('has no colours where stdout is no terminal', () => {
    expect(renderTable({columns, rows, width: 60})).to.not.contain('\u{1B}')
  })

  it('does not hang where nothing fits', () => {
    expect(renderTable({columns, rows, width: 5})).to.contain('name')
  })
})
