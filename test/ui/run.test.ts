import {expect} from 'chai'

import {
  formatCount,
  formatMicroseconds,
  type PrintableProgress,
  type PrintableSummary,
  ProgressLine,
  renderProgress,
  renderSummary,
} from '../../src/ui/run.ts'

const PROGRESS: PrintableProgress = {
  devices: ['CPU'],
  done: 500,
  failed: 0,
  fraction: 0.5,
  p50Us: 200,
  p99Us: 412,
  perSecond: 7912.4,
  read: 564,
  skipped: 0,
  subjects: ['silero-vad'],
}

const SUMMARY: PrintableSummary = {
  ...PROGRESS,
  cancelled: 0,
  done: 1000,
  failures: [],
  fallbacks: [],
  fraction: 1,
  notRun: {complete: true, count: 0},
  read: 1000,
  stopped: undefined,
}

const summaryOf = (changes: Partial<PrintableSummary>) => renderSummary({...SUMMARY, ...changes}, {bar: false})

describe('renderProgress', () => {
  it('shows a bar, an estimated total, throughput, latency and failures', () => {
    expect(renderProgress(PROGRESS)).to.equal(
      ' silero-vad on CPU ▕███████       ▏ 500/~1 000 · 7 912/s · p99 0.4 ms · 0 failed',
    )
  })

  it('fills the bar when all is done', () => {
    expect(renderProgress({...PROGRESS, done: 1000, fraction: 1, read: 1000})).to.contain(
      '▕██████████████▏ 1 000/1 000 ·',
    )
  })

  it('shows how many came so far where the size is unknown', () => {
    expect(renderProgress({...PROGRESS, fraction: undefined})).to.match(/^ silero-vad on CPU 500\/564 ·/)
  })

  it('counts skipped lines apart from failed operations', () => {
    expect(renderProgress({...PROGRESS, failed: 1, skipped: 2})).to.match(/· 1 failed · 2 skipped$/)
  })

  it('says nothing that is not known yet', () => {
    const start = {...PROGRESS, devices: [], done: 0, fraction: 0, p99Us: undefined, perSecond: 0, read: 1}
    expect(renderProgress(start)).to.equal(' silero-vad ▕              ▏ 0/… · 0 failed')
  })
})

describe('renderSummary', () => {
  it('gives count, throughput, latencies and failures in one line', () => {
    expect(summaryOf({})).to.deep.equal([
      ' silero-vad on CPU: 1 000 operations · 7 912/s · p50 0.2 ms · p99 0.4 ms · 0 failed',
    ])
    expect(renderSummary(SUMMARY, {bar: true})).to.deep.equal([
      ' silero-vad on CPU ▕██████████████▏ 1 000 operations · 7 912/s · p50 0.2 ms · p99 0.4 ms · 0 failed',
    ])
    expect(
      summaryOf({devices: [], done: 0, p50Us: undefined, p99Us: undefined, perSecond: 0, subjects: []}),
    ).to.deep.equal([' 0 operations · 0 failed'])
    expect(summaryOf({cancelled: 10, skipped: 90})[0]).to.match(/: 900 operations · /)
    expect(summaryOf({subjects: ['a', 'b', 'c']})[0]).to.match(/^ operations on CPU: 1 000/)
    expect(summaryOf({devices: ['CPU', 'NPU'], subjects: ['a', 'b']})[0]).to.match(/^ a \+ b on CPU \+ NPU: /)
  })

  it('tells fallbacks with their reason', () => {
    expect(summaryOf({fallbacks: [{from: 'NPU', reason: 'not permitted', to: 'CPU'}]})[1]).to.equal(
      ' ran on CPU: NPU rejected: not permitted',
    )
  })

  it('groups skipped lines and failed operations, with the first lines and what to do', () => {
    const lines = summaryOf({
      failed: 3005,
      failures: [
        {code: 'INVALID_ARGUMENT', count: 1, kind: 'line', lines: [17], message: 'x is 5', suggestions: []},
        {
          code: 'PROTOCOL_ERROR',
          count: 3,
          kind: 'line',
          lines: [1, 2, 9],
          message: 'not JSON',
          suggestions: ['do this'],
        },
        {
          code: 'DEADLINE_EXCEEDED',
          count: 3001,
          kind: 'operation',
          lines: [4, 5, 6],
          message: 'too late',
          suggestions: [],
        },
      ],
    })
    expect(lines.slice(1)).to.deep.equal([
      ' 1 line skipped: line 17: x is 5 (INVALID_ARGUMENT)',
      ' 3 lines skipped: lines 1, 2, 9: not JSON (PROTOCOL_ERROR)',
      '   Try: do this',
      ' 3 001 operations failed: lines 4, 5, 6 and 2 998 more: too late (DEADLINE_EXCEEDED)',
    ])
  })

  it('says why a run ended early', () => {
    expect(summaryOf({cancelled: 12, stopped: 'interrupted'}).at(-1)).to.equal(' interrupted: 12 operations cancelled')
    expect(summaryOf({notRun: {complete: true, count: 983}, stopped: 'failed'}).at(-1)).to.equal(
      ' stopped at the first failure: 983 lines not run',
    )
    expect(summaryOf({notRun: {complete: false, count: 1}, stopped: 'failed'}).at(-1)).to.equal(
      ' stopped at the first failure: the rest of the input not run, 1 line of it already read',
    )
  })

  it('lets nothing from outside move the cursor', () => {
    const reason = 'a\u{1B}[2Jb\nc\rd'
    expect(summaryOf({fallbacks: [{from: 'NPU', reason, to: 'CPU'}]})[1]).to.equal(' ran on CPU: NPU rejected: ab c d')
  })
})

describe('ProgressLine', () => {
  it('renews one line, never longer than the terminal is wide', () => {
    let written = ''
    const terminal = {
      columns: 20,
      write(text: string) {
        written += text
        return true
      },
    }
    const line = new ProgressLine(terminal)
    line.update(PROGRESS)
    expect(written).to.equal('\r silero-vad on CPU \u{1B}[K')
    written = ''
    line.clear()
    expect(written).to.equal('\r\u{1B}[K')
  })
})

describe('formatCount and formatMicroseconds', () => {
  it('write numbers in the units that people read', () => {
    expect([0, 999, 1000, 1_234_567].map(formatCount)).to.deep.equal(['0', '999', '1 000', '1 234 567'])
    expect([0, 95, 100, 412, 9900, 12_000, 999_000, 3_460_000].map(formatMicroseconds)).to.deep.equal([
      '0 µs',
      '95 µs',
      '0.1 ms',
      '0.4 ms',
      '9.9 ms',
      '12 ms',
      '999 ms',
      '3.5 s',
    ])
  })
})
