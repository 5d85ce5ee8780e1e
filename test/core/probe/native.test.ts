import {expect} from 'chai'

import type {ProcessOutcome} from '../../../src/core/process/run.ts'

import {readNative} from '../../../src/core/probe/native.ts'

const SECOND = {timeoutMs: 1000}

const outcome = (channel: string): ProcessOutcome => ({
  channel,
  exitCode: 0,
  signal: null,
  startError: null,
  stderr: '',
  stdout: '',
  timedOut: false,
})

describe('native readings', () => {
  it('are what the child found, and null where it found nothing', async () => {
    const run = async () => outcome('{"levelZero": null, "parameters": {"coreClockHz": 1400000000}}')
    expect(await readNative('/dev/accel/accel0', SECOND, run)).to.deep.equal({
      failure: null,
      levelZero: null,
      openError: null,
      parameters: {coreClockHz: 1_400_000_000},
    })
  })

  it('pass the node on to the child', async () => {
    const seen: string[][] = []
    const run = async (_command: string, args: readonly string[]) => {
      seen.push(args.slice(1))
      return outcome('{}')
    }

    await readNative('/dev/accel/accel0', SECOND, run)
    await readNative(null, SECOND, run)
    expect(seen).to.deep.equal([['/dev/accel/accel0'], []])
  })

  it('are a failure, and no exception, when the answer has another shape', async () => {
    const readings = await readNative(null, SECOND, async () => outcome('{"levelZero": 7}'))
    expect(readings.levelZero).to.equal(null)
    expect(readings.failure?.message).to.contain('levelZero')
  })

  it('are a failure with the signal after a crash', async () => {
    const run = async () => ({...outcome(''), exitCode: null, signal: 'SIGSEGV', stderr: 'npu driver: boom'})
    const {failure} = await readNative(null, SECOND, run)
    expect(failure).to.deep.include({code: 'DEVICE_LOST', message: 'killed by SIGSEGV\nnpu driver: boom'})
  })
})
