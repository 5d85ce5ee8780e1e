import {Ajv2020} from 'ajv/dist/2020.js'
import {expect} from 'chai'
import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import type {BenchReport} from '../../src/core/bench/report.ts'

import {SUITES} from '../../src/core/bench/suites/index.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {npubridge} from '../support/npubridge.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const compile = (schema: string) =>
  new Ajv2020({allowUnionTypes: true}).compile(JSON.parse(readFileSync(path.join(ROOT, schema), 'utf8')) as object)
const isValid = compile('docs/schemas/bench.schema.json')
/** Of the first version: what was made for it goes on to work. */
const isValidAtFirst = compile('test/fixtures/bench/first.schema.json')
/** New metrics may have units that there were not. */
const NEW_UNITS = new Set(['%', 'TOPS'])

/** The report of a build that coordinates a hundred times as much. */
function muchFaster(report: BenchReport): BenchReport {
  const {accelerated} = report.suites[0]!.metrics.find(({name}) => name === 'throughput')!.sides
  if (accelerated?.status !== 'measured') throw new Error('it was not measured')
  Object.assign(accelerated, {values: accelerated.values.map((value) => 100 * value)})
  return report
}

describe('npubridge bench', () => {
  it('measures every suite and gives the documented shape', async () => {
    const {exitCode, stderr, stdout} = await npubridge(
      'bench',
      '--quick',
      '--runs',
      '3',
      '--duration',
      '10ms',
      '--json',
    )
    expect(exitCode, stderr).to.equal(0)
    const report = JSON.parse(stdout) as BenchReport
    expect(isValid(report), JSON.stringify(isValid.errors)).to.equal(true)
    expect(report.suites.map(({name}) => name)).to.deep.equal(SUITES.map(({name}) => name))
    for (const [index, suite] of report.suites.entries()) {
      expect(suite.metrics.map(({name}) => name)).to.deep.equal(SUITES[index]!.metrics.map(({name}) => name))
    }

    const suites = report.suites
      .map((suite) => ({...suite, metrics: suite.metrics.filter(({unit}) => !NEW_UNITS.has(unit))}))
      .filter(({metrics}) => metrics.length > 0)
    expect(isValidAtFirst({...report, suites}), JSON.stringify(isValidAtFirst.errors)).to.equal(true)
    const [throughput] = report.suites[0]!.metrics
    expect(throughput!.sides.accelerated!.median).to.be.above(throughput!.sides.legacy_as_shipped!.median!)
    expect(throughput!.sides.legacy_without_sleep!.samples).to.be.at.least(3)
    expect(throughput!.ratio).to.be.a('number')
    expect(report.environment.legacy).to.include({module: 'reference'})
    expect(report.environment.accelerated!.runtime).to.match(/^\d{4}\./)
    expect(stderr).to.match(
      /coordination measured in .+\nload .+\nworkflow .+\nrouting .+\nsignal .+\ninference .+\nserve .+\nsaturation .+\npython .+\nstartup .+\nmemory /,
    )
  })

  it('ends with 3 when a bound is broken, and still gives the report', async () => {
    const bounds = ['--fail-below', 'coordination.throughput=1e12', '--fail-above', 'coordination.latency_p50=1e9']
    const {exitCode, stdout} = await npubridge('bench', '--quick', '--suite', 'coordination', ...bounds, '--json')
    expect(exitCode).to.equal(3)
    const report = JSON.parse(stdout) as BenchReport
    expect(isValid(report), JSON.stringify(isValid.errors)).to.equal(true)
    expect(report.checks.map(({metric, met}) => [metric, met])).to.deep.equal([
      ['coordination.throughput', false],
      ['coordination.latency_p50', true],
    ])
  })

  it('shows the table on stdout, without colours in a pipe', async () => {
    const {exitCode, stdout} = await npubridge('bench', '--quick', '--suite', 'workflow')
    expect(exitCode).to.equal(0)
    expect(stdout).to.match(/│ metric +│ legacy as shipped │ legacy without sleep │ +accelerated │ improvement │/)
    expect(stdout).to.match(/│ workflow 200 tasks, tasks\/s /)
    expect(stdout).to.not.contain('\u{1B}')
  })

  it('goes on without an old module that cannot be loaded', async () => {
    const folder = await makeFolder()
    try {
      const legacy = path.join(folder, 'broken.py')
      writeFileSync(legacy, 'raise RuntimeError("not today")\n')
      const {exitCode, stdout} = await npubridge('bench', '--quick', '--suite', 'workflow', '--legacy', legacy)
      expect(exitCode).to.equal(0)
      expect(stdout).to.match(/│ workflow 200 tasks, tasks\/s +│ +failed ¹ │/)
      expect(stdout).to.match(/¹ .*not today/)
    } finally {
      await removeFolder(folder)
    }
  })

  it('ends with 2 for files that are not there, before it measures', async () => {
    const legacy = await npubridge('bench', '--legacy', 'missing.py')
    expect(legacy.exitCode).to.equal(2)
    expect(legacy.stderr).to.contain('the legacy module is missing.py: there is nothing there')
    const model = await npubridge('bench', '--suite', 'inference', '--model', 'silero-vat')
    expect(model.exitCode).to.equal(2)
    expect(model.stderr).to.contain('silero-vad')
  })

  it('tells what can be measured', async () => {
    const {stdout} = await npubridge('bench', '--list')
    expect(stdout).to.contain(
      '  coordination.throughput: throughput, 1024 in flight, ops/s, higher is better, target ≥',
    )
    const listed = JSON.parse((await npubridge('bench', '--list', '--json')).stdout) as {suites: Array<{name: string}>}
    expect(listed.suites.map(({name}) => name)).to.deep.equal(SUITES.map(({name}) => name))
  })

  it('ends with 2 for names that there are not, and says which are near', async () => {
    const suite = await npubridge('bench', '--suite', 'memorie')
    expect(suite.exitCode).to.equal(2)
    expect(suite.stderr).to.contain('did you mean "memory"?')
    const metric = await npubridge('bench', '--fail-below', 'coordination.thoughput=1')
    expect(metric.exitCode).to.equal(2)
    expect(metric.stderr).to.contain('did you mean "coordination.throughput"?')
    expect((await npubridge('bench', '--device', 'tpu')).exitCode).to.equal(2)
  })

  it('explains itself with examples', async () => {
    const {exitCode, stdout} = await npubridge('bench', '--help')
    expect(exitCode).to.equal(0)
    expect(stdout).to.contain('npubridge bench --quick --fail-below coordination.throughput=50000')
  })

  it('writes the report in every form, keeps it, and compares the next one with it', async () => {
    const folder = await makeFolder()
    try {
      const quick = ['--quick', '--suite', 'coordination', '--runs', '6', '--duration', '5ms']
      const file = (name: string) => path.join(folder, name)
      const exports = ['markdown', 'csv', 'html'].flatMap((kind) => [`--export-${kind}`, file(`x.${kind}`)])
      const more = ['--export-gha', file('gha'), '--junit', file('x.xml'), '--save-baseline', file('base.json')]
      const first = await npubridge('bench', ...quick, ...exports, ...more)
      expect(first.exitCode, first.stderr).to.equal(0)
      expect(readdirSync(folder).toSorted()).to.deep.equal([
        'base.json',
        'gha-bigger.json',
        'gha-smaller.json',
        'x.csv',
        'x.html',
        'x.markdown',
        'x.xml',
      ])
      expect(isValid(JSON.parse(readFileSync(file('base.json'), 'utf8'))), JSON.stringify(isValid.errors)).to.equal(
        true,
      )

      const compared = ['--baseline', file('base.json'), '--fail-on-regression', '10000%', '--json']
      const second = await npubridge('bench', ...quick, ...compared)
      expect(second.exitCode, second.stderr).to.equal(0)
      const report = JSON.parse(second.stdout) as BenchReport
      expect(isValid(report), JSON.stringify(isValid.errors)).to.equal(true)
      expect(report.comparison).to.include({kind: 'baseline', test: 'mann-whitney', failed: false})
      expect(report.comparison!.metrics.map(({metric}) => metric)).to.include('coordination.throughput')

      writeFileSync(
        file('fast.json'),
        JSON.stringify(muchFaster(JSON.parse(readFileSync(file('base.json'), 'utf8')) as BenchReport)),
      )
      const third = await npubridge('bench', ...quick, '--baseline', file('fast.json'), '--fail-on-regression', '5%')
      expect(third.exitCode, third.stderr).to.equal(3)
      expect(third.stdout).to.match(/│ coordination\.throughput +│.*│ ✖ regression +│/)
    } finally {
      await removeFolder(folder)
    }
  })

  it('ends with 2 before it measures anything when a file cannot be written', async () => {
    const {exitCode, stderr} = await npubridge('bench', '--export-html', '/no/such/folder/x.html')
    expect(exitCode).to.equal(2)
    expect(stderr).to.contain('/no/such/folder/x.html cannot be written: there is no folder /no/such/folder')
  })

  it('gives what there is when it is interrupted', async () => {
    const folder = await makeFolder()
    const file = path.join(folder, 'part.md')
    const child = npubridge('bench', '--suite', 'coordination', '--runs', '10000', '--json', '--export-markdown', file)
    setTimeout(() => {
      child.kill('SIGINT')
    }, 8000)
    const {exitCode, stdout} = await child
    expect(exitCode).to.equal(130)
    const report = JSON.parse(stdout) as BenchReport
    expect(isValid(report), JSON.stringify(isValid.errors)).to.equal(true)
    expect(report.interrupted).to.equal(true)
    expect(report.suites[0]!.metrics[0]!.sides.accelerated!.samples).to.be.within(1, 1000)
    expect(readFileSync(file, 'utf8')).to.contain('Warning: interrupted: this is what was measured until then')
    await removeFolder(folder)
  })
})
