import {expect} from 'chai'
import {readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {BenchReport} from '../../../src/core/bench/report.ts'

import {QUICK} from '../../../src/core/bench/effort.ts'
import {RemoteSide, workerProgram} from '../../../src/core/bench/remote.ts'
import {copyBuild} from '../../support/build.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {npubridge} from '../../support/npubridge.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const SETTINGS = {
  effort: {...QUICK, rounds: 10, roundMs: 5, processes: 1, memoryOperations: 10, patienceMs: 1000},
  model: null,
  selection: {device: 'auto', engine: 'auto'},
} as const

/** Makes each operation take a little longer before it reaches the engine. */
function slowed(source: string): string {
  const changed = source.replace(
    /( {4}async submit\(operation, options\) \{\n)/,
    '$1        for (const end = performance.now() + 0.02; performance.now() < end; );\n',
  )
  expect(changed).to.not.equal(source)
  return changed
}

describe('another build', () => {
  let folder: string

  before(async () => {
    folder = await makeFolder()
  })

  after(async () => removeFolder(folder))

  it('that is slower is found to be', async () => {
    const other = await copyBuild(path.join(folder, 'slow'))
    const file = path.join(other, 'dist/core/engine/native.js')
    await writeFile(file, slowed(await readFile(file, 'utf8')))
    const flags = ['--quick', '--suite', 'coordination', '--runs', '10', '--duration', '5ms']
    const {exitCode, stderr, stdout} = await npubridge('bench', ...flags, '--against', other, '--json')
    expect(exitCode, stderr).to.equal(0)
    const {comparison, suites} = JSON.parse(stdout) as BenchReport
    expect(comparison).to.include({kind: 'against', test: 'paired-permutation', drift: 1, failed: false})
    const throughput = comparison!.metrics.find(({metric}) => metric === 'coordination.throughput')!
    expect(throughput).to.include({verdict: 'better', effect: 1, regression: false})
    expect(throughput.p).to.be.below(0.01)
    expect(suites[0]!.metrics[0]!.sides).to.include.keys('other_build', 'accelerated')
    expect(suites[0]!.metrics[0]!.sides.legacy_as_shipped).to.include({status: 'not_run'})
  }).timeout(180_000)

  it('answers for its accelerated side, in a process that ends with this one', async () => {
    await using remote = await RemoteSide.open(await workerProgram(ROOT), SETTINGS)
    const side = remote.side('coordination', 0)
    await side.prepare!()
    const {latenciesUs, stretches, values} = await side.measure(0.5)
    expect(values.throughput).to.be.above(0)
    expect(stretches!.throughput!.length).to.be.above(1)
    expect(Math.max(...stretches!.throughput!)).to.be.at.least(values.throughput!)
    expect(latenciesUs!.latency!.length).to.be.above(0)
    expect((await failureOf(remote.side('nonsense', 0).measure())).code).to.equal('UNSUPPORTED_OPERATION')
  })

  it('that crashes is told with how it ended', async () => {
    const program = path.join(folder, 'crash.mjs')
    await writeFile(program, 'process.on("message", () => process.exit(7))')
    const {message} = await failureOf(RemoteSide.open(program, SETTINGS))
    expect(message).to.match(/crash\.mjs ended with exit code 7$/)
  })

  it('of another version is refused', async () => {
    const program = path.join(folder, 'old.mjs')
    await writeFile(program, 'process.on("message", ({id}) => process.send({id, value: {protocol: 0, suites: []}}))')
    expect((await failureOf(RemoteSide.open(program, SETTINGS))).code).to.equal('UNSUPPORTED_OPERATION')
  })
})
