import {expect} from 'chai'
import {execa} from 'execa'
import {existsSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import path from 'node:path'

import type {Segment} from '../../src/core/framing/segments.ts'

import {temporaryFolder} from '../core/run/temporary-folder.ts'
import {requireNative} from '../support/native.ts'

const ROOT = path.resolve(import.meta.dirname, '..', '..')
const PYTHON = path.join(ROOT, '.venv', 'bin', 'python')
/** In seconds: 512 samples at 16 kHz. */
const FRAME = 0.032

interface Judged {
  readonly probabilities: number[]
  readonly segments: Segment[]
}

describe('a recording through silero-vad in one line of run', () => {
  const folder = temporaryFolder()

  it("is resampled, cut and judged as by silero's own Python", async function () {
    await requireNative(this, ['silero-vad'])
    if (!existsSync(PYTHON)) {
      console.error('      skipped: no Python environment to compare with: npm run test:prepare')
      return this.skip()
    }

    await execa(PYTHON, [path.join(ROOT, 'test', 'e2e', 'speech.py'), '--out', folder()])
    const lines = path.join(folder(), 'speech.jsonl')
    const {stdout} = await execa('node', [path.join(ROOT, 'bin', 'run.js'), 'run', lines, '--device', 'cpu'])
    const result = JSON.parse(stdout) as {
      data: {frames: number; segments: Segment[]}
      device: string
      outputs: {output: {data: number[]; shape: number[]}}
    }
    const expected = JSON.parse(await readFile(path.join(folder(), 'speech.json'), 'utf8')) as Judged
    expect(result).to.include({id: 'speech', ok: true, device: 'CPU'})
    expect(result.data.frames).to.equal(625)
    expect(result.outputs.output.shape).to.deep.equal([625, 1])
    const distances = result.outputs.output.data.map((value, index) => Math.abs(value - expected.probabilities[index]!))
    expect(Math.max(...distances)).to.be.lessThan(1e-3)
    expect(result.data.segments).to.have.length(expected.segments.length)
    expect(expected.segments).to.have.length(5)
    for (const [index, {end, start}] of expected.segments.entries()) {
      expect(result.data.segments[index]!.start).to.be.closeTo(start, FRAME)
      expect(result.data.segments[index]!.end).to.be.closeTo(end, FRAME)
    }
  })
})
