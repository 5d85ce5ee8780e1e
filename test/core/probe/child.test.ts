import {expect} from 'chai'
import path from 'node:path'

import type {NpuBridgeError} from '../../../src/core/errors.ts'

import {askChild} from '../../../src/core/probe/child.ts'
import {TemporaryFolder} from './folder.ts'

const SECOND = {timeoutMs: 1000}

async function ask(source: string, options: {timeoutMs: number; without?: string[]} = SECOND): Promise<unknown> {
  using folder = new TemporaryFolder()
  const file = folder.file('child.mjs', `import {writeSync} from 'node:fs'\n${source}`)
  return await askChild(path.resolve(file), [], options).catch((error: unknown) => error)
}

describe('asking a child process', () => {
  it('gives its answer, whatever it prints beside', async () => {
    const answer = await ask('console.log("{rubbish"); console.error("noise"); writeSync(3, JSON.stringify({a: 1}))')
    expect(answer).to.deep.equal({a: 1})
  })

  it('takes an answer that came whole before a crash', async () => {
    expect(await ask('writeSync(3, "[1]"); process.kill(process.pid, "SIGSEGV")')).to.deep.equal([1])
  })

  it('names the signal of a crash and the last lines that it said', async () => {
    const lines = Array.from({length: 9}, (_, index) => `console.error("line ${index}")`).join(';')
    const error = (await ask(`${lines}; process.kill(process.pid, 'SIGSEGV')`)) as NpuBridgeError
    expect(error.code).to.equal('DEVICE_LOST')
    expect(error.message.split('\n')).to.deep.equal(['killed by SIGSEGV', ...[4, 5, 6, 7, 8].map((n) => `line ${n}`)])
  })

  it('ends one that hangs', async () => {
    const error = (await ask('setInterval(() => {}, 1000)', {timeoutMs: 300})) as NpuBridgeError
    expect(error).to.include({code: 'DEADLINE_EXCEEDED', message: 'no answer within 0.3 s'})
  })

  it('takes rubbish and silence for no answer', async () => {
    for (const source of ['writeSync(3, "{half")', '', 'process.exit(7)']) {
      expect(await ask(source), source).to.include({code: 'PROTOCOL_ERROR'})
    }
  })

  it('makes what it said harmless to a terminal', async () => {
    const error = (await ask(String.raw`console.error('\x1b[2Jboo'); process.exit(1)`)) as NpuBridgeError
    expect(error.message).to.contain('\u{FFFD}[2Jboo')
  })

  it('leaves out the variables that it is told to', async () => {
    process.env.NPUBRIDGE_TEST_TRAP = 'set'
    try {
      const source = 'writeSync(3, JSON.stringify(process.env.NPUBRIDGE_TEST_TRAP ?? null))'
      expect(await ask(source)).to.equal('set')
      expect(await ask(source, {...SECOND, without: ['NPUBRIDGE_TEST_TRAP']})).to.equal(null)
    } finally {
      delete process.env.NPUBRIDGE_TEST_TRAP
    }
  })
})
