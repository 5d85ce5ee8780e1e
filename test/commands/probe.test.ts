import {Ajv2020} from 'ajv/dist/2020.js'
import {expect} from 'chai'
import {execa} from 'execa'
import {readFileSync} from 'node:fs'
import path from 'node:path'

import type {ProbeReport} from '../../src/core/probe/probe.ts'

import {FIXTURES} from '../core/probe/fixture.ts'
import {TemporaryFolder} from '../core/probe/folder.ts'

const PROJECT = path.resolve(import.meta.dirname, '../..')
const SCHEMA = path.join(PROJECT, 'docs/schemas/probe.schema.json')
const fixture = (name: string) => path.join(FIXTURES, name)

interface Ended {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const command = [path.join(PROJECT, 'bin/run.js'), 'probe', ...args]
  const {exitCode, stderr, stdout} = await execa(process.execPath, command, {env, reject: false})
  return {exitCode, stderr, stdout}
}

const reportOf = ({stdout}: Ended) => JSON.parse(stdout) as ProbeReport

describe('npubridge probe', () => {
  it('gives JSON that fits its schema, of this very machine', async () => {
    const result = await run(['--json'])
    expect(result.exitCode).to.equal(0)
    const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as Record<string, unknown>
    const validate = new Ajv2020({allowUnionTypes: true, formats: {uri: /^https:/}}).compile(schema)
    expect(validate(reportOf(result)), JSON.stringify(validate.errors)).to.equal(true)
    expect(reportOf(result).live).to.equal(true)
  })

  it('names the root cause of a fixture', async () => {
    const result = await run(['--root', fixture('node-permission'), '--json'])
    expect(result.exitCode).to.equal(0)
    expect(reportOf(result)).to.include({live: false, rootCause: 'node-permission'})
  })

  it('writes neither colour nor talk when piped', async () => {
    const {stderr, stdout} = await run(['--root', fixture('node-permission')])
    expect(stderr).to.equal('')
    expect(stdout).to.not.contain('\u{1B}')
    expect(stdout).to.contain('✖ NPU found, but this user may not open it; operations run on the CPU.')
  })

  for (const columns of ['40', '80']) {
    it(`fits ${columns} columns`, async () => {
      const {stdout} = await run(['--root', fixture('two-vendors'), '--all'], {COLUMNS: columns})
      const widest = Math.max(...stdout.split('\n').map((line) => line.length))
      expect(widest).to.be.at.most(Number(columns))
    })
  }

  it('exits 3 when a requirement is not met, with the report and the reason', async () => {
    const result = await run(['--root', fixture('xeon-in-a-vm'), '--require', 'npu', '--json'])
    expect(result.exitCode).to.equal(3)
    expect(reportOf(result).requirements).to.deep.include({
      met: false,
      name: 'npu',
      reason: 'There is no NPU in this processor',
    })
    const told = await run(['--root', fixture('xeon-in-a-vm'), '--require', 'npu'])
    expect(told.exitCode).to.equal(3)
    expect(told.stderr).to.contain('npu is required and not available')
  })

  it('exits 0 when all requirements are met', async () => {
    expect((await run(['--root', fixture('healthy-meteor-lake'), '--require', 'npu,cpu,native'])).exitCode).to.equal(0)
  })

  it('exits 2 for an unknown check, and names the nearest', async () => {
    for (const flag of ['--check', '--explain']) {
      const result = await run([flag, 'node-permissions'])
      expect(result.exitCode, flag).to.equal(2)
      expect(result.stderr).to.contain('the nearest is node-permission')
    }
  })

  it('exits 2 for a requirement that there is not', async () => {
    expect((await run(['--require', 'tpu'])).exitCode).to.equal(2)
  })

  it('exits 3 for a single check that fails, 0 for one that passes', async () => {
    const root = ['--root', fixture('permission-and-old-loader')]
    const failed = await run([...root, '--check', 'level-zero-loader'])
    expect(failed.exitCode).to.equal(3)
    expect(failed.stdout).to.match(/^✖ fail {4}The Level Zero loader/)
    expect((await run([...root, '--check', 'wsl'])).exitCode).to.equal(0)
  })

  it('explains a check', async () => {
    const {exitCode, stdout} = await run(['--root', fixture('node-permission'), '--explain', 'node-permission'])
    expect(exitCode).to.equal(0)
    expect(stdout).to.contain('access list')
  })

  it('writes JUnit, and exits 3 when a check fails', async () => {
    using folder = new TemporaryFolder()
    const file = path.join(folder.path, 'probe.xml')
    expect((await run(['--root', fixture('node-permission'), '--junit', file])).exitCode).to.equal(3)
    expect(readFileSync(file, 'utf8')).to.contain('<failure message="NPU found, but this user may not open it.">')
    expect((await run(['--root', fixture('healthy-meteor-lake'), '--junit', file])).exitCode).to.equal(0)
    expect(readFileSync(file, 'utf8')).to.contain('failures="0"')
  })

  it('writes a Markdown report', async () => {
    using folder = new TemporaryFolder()
    const file = path.join(folder.path, 'probe.md')
    expect((await run(['--root', fixture('firmware-missing'), '--report', file])).exitCode).to.equal(0)
    expect(readFileSync(file, 'utf8')).to.match(/^## The NPU firmware is missing; operations run on the CPU\./)
  })

  it('saves a snapshot of this machine that it can examine itself', async () => {
    using folder = new TemporaryFolder()
    const file = path.join(folder.path, 'npu.tar.gz')
    expect((await run(['--capture', file])).exitCode).to.equal(0)
    const [live, again] = await Promise.all([run(['--json']), run(['--root', file, '--json'])])
    expect(reportOf(again).live).to.equal(false)
    expect(reportOf(again).rootCause).to.equal(reportOf(live).rootCause)
    expect(reportOf(again).host.processor).to.deep.equal(reportOf(live).host.processor)
  })

  it('watches an NPU as CSV', async () => {
    const {exitCode, stdout} = await run([
      '--root',
      fixture('healthy-meteor-lake'),
      '--watch',
      '--csv',
      '--samples',
      '2',
    ])
    expect(exitCode).to.equal(0)
    const lines = stdout.split('\n')
    expect(lines).to.have.length(3)
    expect(lines[2]).to.match(/^1\.\d{3},0\.0000,0,1400,8388608,0\.000,48,suspended$/)
  })

  it('stops watching on Ctrl-C, with exit code 130', async () => {
    const command = [path.join(PROJECT, 'bin/run.js'), 'probe', '--root', fixture('healthy-meteor-lake'), '--watch']
    const child = execa(process.execPath, command, {reject: false})
    child.stdout.once('data', () => {
      child.kill('SIGINT')
    })
    const {exitCode, stdout} = await child
    expect(exitCode).to.equal(130)
    expect(stdout).to.match(/^ +time +busy/)
  })

  it('refuses to watch where there is no NPU', async () => {
    const {exitCode, stderr} = await run(['--root', fixture('xeon-in-a-vm'), '--watch'])
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('There is no Intel NPU to watch')
  })

  it('refuses a root that is none', async () => {
    using folder = new TemporaryFolder()
    const {exitCode, stderr} = await run(['--root', path.join(folder.path, 'none')])
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('is not a folder')
  })

  it('has examples that work in its help', async () => {
    const {stdout} = await run(['--help'])
    expect(stdout).to.contain('npubridge probe --require cpu --json')
  })
})
