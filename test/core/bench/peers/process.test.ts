import {expect} from 'chai'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {PeerRequest} from '../../../../src/core/bench/peers/peer.ts'

import {PeerProcess} from '../../../../src/core/bench/peers/process.ts'
import {failureOf} from '../../../support/failure.ts'
import {makeFolder, removeFolder} from '../../../support/folder.ts'

const REQUEST: PeerRequest = {model: 'm.onnx', device: 'CPU', profile: 'latency', inputs: []}
const LOOP = `
import {createInterface} from 'node:readline'
for await (const line of createInterface({input: process.stdin})) console.log(JSON.stringify(answer(JSON.parse(line))))
`

describe('a program that is measured for a comparison', () => {
  let folder: string
  const signal = new AbortController()

  before(async () => {
    folder = await makeFolder()
  })

  after(async () => removeFolder(folder))

  const start = async (source: string, controller = signal) => {
    const file = path.join(folder, 'peer.mjs')
    await writeFile(file, source)
    return PeerProcess.start(process.execPath, [file], REQUEST, controller.signal)
  }

  it('is asked for runs, and what its libraries print does no harm', async () => {
    const answer = `
      console.log('loading plugins')
      const answer = ({model, window}) => model ? {about: 'a peer of ' + model} : {latencies_us: [10, 20, 30], elapsed_us: 60 / window}
    `
    await using peer = await start(answer + LOOP)
    expect(peer.about).to.equal('a peer of m.onnx')
    expect(await peer.run({durationMs: 1, window: 2})).to.deep.include({perSecond: 100_000, p50Us: 20})
  })

  it('tells what it cannot do apart from what fails', async () => {
    const error = (code: string) => `const answer = () => ({error: {code: '${code}', message: 'not here'}})${LOOP}`
    expect((await failureOf(start(error('UNSUPPORTED_OPERATION')))).code).to.equal('UNSUPPORTED_OPERATION')
    expect((await failureOf(start(error('MODEL_INVALID')))).message).to.equal('not here')
  })

  it('that crashes is told with how it ended and what it said', async () => {
    const {message} = await failureOf(start(`console.error('no memory'); process.exit(3)`))
    expect(message).to.match(/peer\.mjs ended with exit code 3; it said last: no memory$/)
  })

  it('that is not there is not available', async () => {
    const {code, message} = await failureOf(PeerProcess.start('no-such-program', [], REQUEST, signal.signal))
    expect(code).to.equal('UNSUPPORTED_OPERATION')
    expect(message).to.match(/^no-such-program cannot be started/)
  })

  it('is ended when the benchmark is interrupted', async () => {
    const controller = new AbortController()
    const started = start('setInterval(() => {}, 1000)', controller)
    setTimeout(() => {
      controller.abort()
    }, 50)
    expect((await failureOf(started)).code).to.equal('CANCELLED')
  })
})
