// How far `bench --against` can be trusted, tried on this machine: the share of metrics that it flags between two copies
// of the same build (false alarms), and how often it flags a build whose coordination is slower by a known share.
//
//   node scripts/bench-power.js [--times 10] [--slower 10] [--same] [--slow] [-- flags of bench]
import {execFileSync} from 'node:child_process'
import {cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {parseArgs} from 'node:util'

import {ROOT} from './steps.js'

const {positionals, values} = parseArgs({
  allowPositionals: true,
  options: {
    same: {type: 'boolean'},
    slow: {type: 'boolean'},
    slower: {type: 'string', default: '10'},
    times: {type: 'string', default: '10'},
  },
})
const METRIC = 'coordination.throughput'
const BEFORE_SUBMIT = / {4}async submit\(operation, options\) \{\n/
const scratch = mkdtempSync(path.join(os.tmpdir(), 'npubridge-power-'))

/** A copy of the build; what it depends on is shared. */
function copyBuild(name) {
  const folder = path.join(scratch, name)
  for (const part of ['bin', 'dist', 'package.json', 'oclif.manifest.json']) {
    cpSync(path.join(ROOT, part), path.join(folder, part), {recursive: true})
  }

  for (const part of ['native', 'node_modules']) symlinkSync(path.join(ROOT, part), path.join(folder, part))
  return folder
}

function bench(folder, flags) {
  const args = [path.join(folder, 'bin/run.js'), 'bench', '--suite', 'coordination', ...positionals, ...flags, '--json']
  return JSON.parse(
    execFileSync(process.execPath, args, {encoding: 'utf8', maxBuffer: 1e9, stdio: ['ignore', 'pipe', 'ignore']}),
  )
}

/** Makes each operation take `nanoseconds` longer on its way to the engine, by a loop that is timed when it is loaded. */
function slowDown(folder, nanoseconds) {
  const file = path.join(folder, 'dist/core/engine/native.js')
  const source = readFileSync(file, 'utf8')
  const slowed = source.replace(BEFORE_SUBMIT, (head) => `${head}        spin(turnsToSpin)\n`)
  if (slowed === source) throw new Error(`${file} has no submit`)
  writeFileSync(
    file,
    `${slowed}
let spun = 0
function spin(turns) { for (let turn = 0; turn < turns; turn++) spun = Math.imul(spun ^ turn, 16777619) }
function turnsPerNanosecond() { const started = performance.now(); spin(2e7); return 20 / (performance.now() - started) }
spin(2e7)
const turnsToSpin = Math.round(${nanoseconds} * Math.max(...Array.from({length: 5}, turnsPerNanosecond)))
`,
  )
}

function compare(title, folder, other, times) {
  let flagged = 0
  let metrics = 0
  let found = 0
  for (let time = 1; time <= times; time++) {
    const {comparison} = bench(folder, ['--against', other])
    const hits = comparison.metrics.filter(({verdict}) => verdict === 'better' || verdict === 'worse')
    metrics += comparison.metrics.length
    flagged += hits.length
    const {adjusted_change: change, p, verdict} = comparison.metrics.find(({metric}) => metric === METRIC)
    if (verdict === 'worse') found++
    const all = hits.map((hit) => `${hit.metric} ${hit.verdict} ${(hit.adjusted_change * 100).toFixed(1)} %`).join(', ')
    console.log(
      `${title} ${time}: ${METRIC} ${(change * 100).toFixed(1)} % p ${p.toFixed(3)} ${verdict}; flagged: ${all || 'none'}`,
    )
  }

  console.log(`${title}: ${flagged} of ${metrics} metrics flagged; ${METRIC} worse in ${found} of ${times}`)
}

try {
  const times = Number(values.times)
  const share = Number(values.slower) / 100
  const other = copyBuild('other')
  if (!values.slow || values.same) compare('same build', copyBuild('same'), other, times)
  if (!values.same || values.slow) {
    const [{sides}] = bench(other, []).suites[0].metrics
    // What was not disturbed: a share of a time that was would be more of one that is not.
    const operation = 1e9 / Math.max(...sides.accelerated.values)
    const nanoseconds = operation * share
    const slow = copyBuild('slow')
    slowDown(slow, nanoseconds)
    console.log(`an operation takes ${operation.toFixed(0)} ns; made slower by ${nanoseconds.toFixed(0)} ns`)
    compare(`slower by ${values.slower} %`, slow, other, times)
  }
} finally {
  rmSync(scratch, {force: true, recursive: true})
}
