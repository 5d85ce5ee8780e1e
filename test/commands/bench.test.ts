import {Ajv2020} from 'ajv/dist/2020.js'
import {expect} from 'chai'
import {execa} from 'execa'
import {readFileSync} from 'node:fs'
import path from 'node:path'

import type {BenchReport} from '../../src/core/bench/report.ts'

import {SUITES} from '../../src/core/bench/suites/index.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const npubridge = async (...parameters: string[]) =>
  execa('node', [path.join(ROOT, 'bin/run.js'), ...parameters], {reject: false})
const isValid = new Ajv2020({allowUnionTypes: true}).compile(
  JSON.parse(readFileSync(path.join(ROOT, 'docs/schemas/bench.schema.json'), 'utf8')) as object,
)

describe('npubridge bench', () => {
  it('measures every suite and gives the documented shape', async () => {
    const {exitCode, stderr, stdout} = await npubridge('bench', '--quick', '--json')
    expect(exitCode, stderr).to.equal(0)
    const report = JSON.parse(stdout) as BenchReport
    expect(isValid(report), JSON.stringify(isValid.errors)).to.equal(true)
    expect(report.suites.map(({name}) => name)).to.deep.equal(SUITES.map(({name}) => name))
    for (const [index, suite] of report.suites.entries()) {
      expect(suite.metrics.map(({name}) => name)).to.deep.equal(SUITES[index]!.metrics.map(({name}) => name))
    }

    const [throughput] = report.suites[0]!.metrics
    expect(throughput!.sides.accelerated!.median).to.be.above(throughput!.sides.legacy_as_shipped!.median!)
    expect(throughput!.sides.legacy_without_sleep!.samples).to.be.at.least(3)
    expect(throughput!.ratio).to.be.a('number')
    expect(report.environment.legacy).to.include({module: 'reference'})
    expect(report.environment.accelerated!.runtime).to.match(/^\d{4}\./)
    expect(stderr).to.match(/coordination measured in .+\nworkflow .+\ninference .+\nmemory /)
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
    expect(stdout).to.match(/│ workflow tasks 200, tasks\/s /)
    expect(stdout).to.not.contain('\u{1B}')
  })

  it('goes on without an old module that cannot be loaded', async () => {
    const {exitCode, stdout} = await npubridge('bench', '--quick', '--suite', 'workflow', '--legacy', 'missing.py')
    expect(exitCode).to.equal(0)
    expect(stdout).to.match(/│ workflow tasks 200, tasks\/s +│ +failed ¹ │/)
    expect(stdout).to.contain('¹ the legacy module is missing.py')
  })

  it('tells what can be measured', async () => {
    const {stdout} = await npubridge('bench', '--list')
    expect(stdout).to.contain('  coordination.throughput, ops/s, higher is better, target ≥')
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
})
