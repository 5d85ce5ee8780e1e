import {expect} from 'chai'
import {PassThrough} from 'node:stream'
import {stripVTControlCharacters} from 'node:util'

import {columnsOf, cut, plain} from '../../src/ui/top/cells.ts'
import {type PrintableTop, renderTop, type TopLook} from '../../src/ui/top/render.ts'
import {TopScreen} from '../../src/ui/top/screen.ts'

const LATENCY = {p50: 812, p95: 1300, p99: 2100}
const model = (index: number): PrintableTop['models'][number] => ({
  name: `model-${index}`,
  state: 'READY',
  devices: ['CPU'],
  count: index,
  perSecond: index,
  p50: 10,
  p99: 20,
})
const TOP: PrintableTop = {
  source: {kind: 'server', name: 'http://127.0.0.1:8000', version: '1', state: 'ok'},
  engine: 'native',
  uptimeMs: 720_000,
  throughput: 1023,
  failuresPerSecond: 0,
  fallbacksPerSecond: 2,
  totals: {completed: 10, failed: 1, fallbacks: 3},
  latency: {...LATENCY, scope: 'last 10 s'},
  queueDepth: 4,
  running: 1,
  queueByPriority: [
    ['realtime', 0],
    ['low', 4],
  ],
  meanBatch: 1.5,
  devices: [
    {name: 'NPU', breaker: 'open', reason: 'lost', perSecond: 0, latency: null, telemetry: null},
    {name: 'CPU', breaker: 'closed', reason: null, perSecond: 1023, latency: LATENCY, telemetry: null},
  ],
  models: Array.from({length: 500}, (_, index) => model(index)),
  processBytes: 2e8,
  errors: [{code: 'INTERNAL', message: `\u{1B}[2J<b>bold</b>${'x'.repeat(100_000)}`, where: 'POST', count: 3}],
  fallbacks: [{from: 'NPU', to: 'CPU', reason: 'lost', count: 7}],
  advice: [],
}
const LOOK: TopLook = {
  width: 80,
  height: 24,
  sort: 'ops/s',
  isReversed: false,
  offset: 0,
  status: {kind: 'good', text: '✔ live'},
  rates: [1, 5, null, 1000],
  keys: 'q quit',
}
const linesOf = (look: Partial<TopLook> = {}, top: Partial<PrintableTop> = {}) =>
  renderTop({...TOP, ...top}, {...LOOK, ...look}).map((line) => stripVTControlCharacters(line))

describe('the screen of top', () => {
  for (const [width, height] of [
    [80, 24],
    [20, 24],
    [20, 6],
    [200, 60],
    [1, 1],
    [40, 10],
  ] as const) {
    it(`fits ${width} × ${height}`, () => {
      const lines = linesOf({width, height})
      expect(lines.length).to.be.at.most(height)
      expect(Math.max(...lines.map(columnsOf))).to.be.at.most(width)
      expect(lines.join('')).to.not.match(/\p{Cc}/u)
    })
  }

  it('has what matters on 80 × 24, and says states by words', () => {
    const text = linesOf().join('\n')
    for (const part of [
      '1,023 ops/s',
      'p99 2.1 ms',
      'last 10 s',
      'open',
      'NPU → CPU 7 ×',
      'INTERNAL 3 × POST',
      'q quit',
    ]) {
      expect(text).to.include(part)
    }
  })

  it('sorts, reverses and scrolls 500 models', () => {
    const first = (look: Partial<TopLook>) => linesOf(look).find((line) => line.startsWith('model-'))
    expect(first({})).to.match(/^model-499 /)
    expect(first({isReversed: true})).to.match(/^model-0 /)
    expect(first({offset: 10})).to.match(/^model-489 /)
    expect(first({sort: 'name', offset: 10_000})).to.match(/^model-99 /)
  })

  it('shows what is not known as such', () => {
    const text = linesOf({}, {throughput: null, latency: null, processBytes: null, meanBatch: null}).join('\n')
    expect(text).to.include('unknown ops/s').and.include('latency unknown').and.include('memory unknown')
  })

  it('obeys nothing in a text, and knows how wide it is', () => {
    expect(plain('a\u{1B}[31mb\u{7}\u{9B}c\n')).to.equal('a [31mb c ')
    expect(columnsOf('模型e\u{301}')).to.equal(5)
    expect(cut('模型模型', 5)).to.equal('模型…')
  })
})

describe('top on a terminal', () => {
  it('writes only the lines that changed, and all of them after a resize', () => {
    const stdin = new PassThrough() as unknown as NodeJS.ReadStream
    const stdout = Object.assign(new PassThrough({encoding: 'utf8'}), {columns: 80, rows: 24})
    const taken = () => (stdout.read() ?? '') as string
    let throughput = 1023
    const read = () => ({top: {...TOP, throughput}, rates: [], status: LOOK.status})
    using screen = new TopScreen({stdin, stdout: stdout as unknown as NodeJS.WriteStream}, {onQuit() {}, read})
    screen.draw()
    expect(taken()).to.include('1,023 ops/s').and.include('model-499')
    screen.draw()
    expect(taken()).to.equal('')
    throughput = 77
    screen.draw()
    const change = taken()
    expect(change).to.include('77 ops/s')
    expect(change.split('\u{1B}[K')).to.have.length(2)
    Object.assign(stdout, {columns: 20, rows: 6})
    stdout.emit('resize')
    expect(taken()).to.include('77 ops/s').and.not.include('model-499')
  })
})
