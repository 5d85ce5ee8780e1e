import {expect} from 'chai'
import {execa} from 'execa'
import {existsSync, readFileSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'

import {requireNative} from '../support/native.ts'

const ROOT = path.resolve(import.meta.dirname, '..', '..')
const PYTHON = path.join(ROOT, '.venv', 'bin', 'python')

interface ResultLine {
  readonly id: number
  readonly ok: boolean
  readonly device: string
  readonly outputs: Record<string, {data: number[]}>
}

describe('npubridge run on real models and real input', () => {
  let folder: string

  before(async function () {
    const {modelsFolder} = await requireNative(this, ['silero-vad', 'magika'])
    if (!existsSync(PYTHON)) {
      console.error('      skipped: no Python environment to compare with: npm run test:prepare')
      return this.skip()
    }

    folder = await mkdtemp(path.join(tmpdir(), 'npubridge-reference-'))
    await execa(PYTHON, [
      path.join(ROOT, 'test', 'e2e', 'reference.py'),
      '--magika',
      path.join(modelsFolder, 'magika', 'model.onnx'),
      '--silero',
      path.join(modelsFolder, 'silero-vad', 'silero_vad_openvino_16k.onnx'),
      '--files',
      path.join(ROOT, 'src'),
      path.join(ROOT, 'test'),
      path.join(ROOT, 'native', 'engine', 'src'),
      '--out',
      folder,
    ])
  })

  after(async () => {
    if (folder) await rm(folder, {force: true, recursive: true})
  })

  /** The results of the command line and how far their first outputs are from the expected ones at the most. */
  async function compare(name: string, flags: string[] = []): Promise<{distance: number; lines: ResultLine[]}> {
    const args = [
      path.join(ROOT, 'bin', 'run.js'),
      'run',
      path.join(folder, `${name}.jsonl`),
      '--device',
      'cpu',
      ...flags,
    ]
    const {stdout} = await execa('node', args)
    const lines = stdout.split('\n').map((line) => JSON.parse(line) as ResultLine)
    const expected = JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as number[][]
    expect(lines).to.have.length(expected.length)
    let distance = 0
    for (const [index, line] of lines.entries()) {
      expect(line).to.include({id: index + 1, ok: true, device: 'CPU'})
      const {data} = Object.values(line.outputs)[0]!
      expect(data).to.have.length(expected[index]!.length)
      for (const [place, value] of data.entries()) {
        distance = Math.max(distance, Math.abs(value - expected[index]![place]!))
      }
    }

    return {distance, lines}
  }

  it("equals OpenVINO's Python API within 1e-5 on 100 real files (magika)", async () => {
    expect((await compare('magika')).distance).to.be.lessThan(1e-5)
  })

  it("equals OpenVINO's Python API within 1e-5 on 100 windows of audio (silero-vad)", async () => {
    expect((await compare('silero')).distance).to.be.lessThan(1e-5)
  })

  it("equals silero's own code frame by frame within 1e-4 over a stream of 60 s", async () => {
    const {distance, lines} = await compare('stream')
    expect(lines).to.have.length(1875)
    expect(distance).to.be.lessThan(1e-4)
  })

  it('gives the same in a window of one, and when results come as they are ready', async () => {
    const {distance} = await compare('silero', ['--concurrency', '1'])
    expect(distance).to.be.lessThan(1e-5)
    expect((await compare('stream', ['--unordered', '--concurrency', '8'])).distance).to.be.lessThan(1e-4)
  })
})
