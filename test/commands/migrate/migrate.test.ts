import {Ajv2020} from 'ajv/dist/2020.js'
import {expect} from 'chai'
import {execa} from 'execa'
import {appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {EXIT} from '../../../src/core/errors.ts'
import {
  commitAll,
  emptyFolder,
  fixtureTree,
  git,
  removeFolders,
  snapshot,
  treeOf,
  V1_MODULE,
  V2_MODULE,
  withNpubridge,
} from '../../core/migrate/workspace.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const RUN = path.join(ROOT, 'bin', 'run.js')

async function npubridge(args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) {
  const {exitCode, stdout, stderr} = await execa(process.execPath, [RUN, ...args], {
    cwd,
    env: {NO_COLOR: '1', ...env},
    reject: false,
    stdin: 'ignore',
  })
  return {code: exitCode, stdout, stderr}
}

/** Runs a command in a terminal of its own, presses keys when it asks, and prints what the terminal showed. */
const TERMINAL = `
import os, pty, sys
keys, question, *command = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
shown, pressed = b"", False
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    if not part:
        break
    shown += part
    if not pressed and question.encode() in shown:
        pressed = True
        os.write(terminal, keys.encode().decode("unicode_escape").encode())
print(shown.decode())
print("exit", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`

/** What `migrate` shows on a terminal where somebody presses keys once it asks. */
async function onTerminal(root: string, keys: string, env: Record<string, string | undefined>) {
  return execa('python3', ['-c', TERMINAL, keys, '(y/N)', process.execPath, RUN, 'migrate', root], {env})
}

/** The same schema with every object closed, so that a field that is not documented is noticed. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map((part) => closed(part))
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, closed(part)]))
  return copy.type === 'object' && copy.properties ? {...copy, additionalProperties: false} : copy
}

function expectToFit(name: string, json: string): Record<string, unknown> {
  const schema = JSON.parse(readFileSync(path.join(ROOT, 'docs/schemas', `${name}.schema.json`), 'utf8')) as unknown
  const validate = new Ajv2020({allowUnionTypes: true}).compile(closed(schema) as Record<string, unknown>)
  const value = JSON.parse(json) as Record<string, unknown>
  expect(validate(value), JSON.stringify(validate.errors)).to.equal(true)
  return value
}

describe('npubridge migrate', () => {
  after(removeFolders)

  it('moves a code base over, says so, and takes it back', async () => {
    const root = commitAll(fixtureTree('v2'))
    const before = snapshot(root)
    const done = await npubridge(['migrate', '.', '--yes'], root, withNpubridge())
    expect(done.code, done.stderr).to.equal(0)
    expect(done.stdout).to.match(/✔ Archived {3}deprecated\/npu_bridge_python_legacy_\d{8}\/.*sha256 [\da-f]{12}…/)
    expect(done.stdout).to.include(`✔ Installed  ${V2_MODULE}`)
    expect(done.stdout).to.match(/✔ Verified {3}6 of 6 importers import/)
    expect(done.stdout).to.include('Undo any time: npubridge migrate rollback')
    expect(done.stderr).to.include('Verify')

    const again = await npubridge(['migrate', '.', '--yes'], root)
    expect(again.stdout).to.include('Already migrated')
    const status = await npubridge(['migrate', 'status'], root)
    expect(status.stdout).to.include('Migrated.').and.to.include('rollback possible')
    const check = await npubridge(['migrate', '--check'], root)
    expect([check.code, check.stdout]).to.deep.equal([0, '✔ Migrated, and every wrapper is as it was made.'])

    const back = await npubridge(['migrate', 'rollback', '.', '--yes'], root)
    expect(back.code, back.stderr).to.equal(0)
    expect(back.stdout).to.match(/^✔ Rolled back migration .*: 4 files are as they were$/)
    expect(snapshot(root)).to.deep.equal(before)
    expect(git(root, 'status', '--porcelain')).to.equal('')
    expect((await npubridge(['migrate', 'rollback', '--yes'], root)).stdout).to.include('Nothing to roll back')
    expect((await npubridge(['migrate', 'history'], root)).stdout).to.include('rolled-back')
  })

  it('shows the plan and its differences without touching anything', async () => {
    const root = fixtureTree('v1')
    const before = snapshot(root)
    const {code, stdout, stderr} = await npubridge(['migrate', '.', '--dry-run', '--diff'], root)
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include('1 legacy module (v1), 13 importers, 6 known defects in 13 places')
    expect(stdout).to.include('archive 1, replace 1, rewrite 3, leave 13')
    expect(stdout).to.include('tools/scheduler.py:7  sys.path.insert(0, ')
    expect(stdout).to.include('BridgeInspector: never existed: the except branch runs, as before')
    expect(stdout).to.include(`--- a/${V1_MODULE}\n+++ b/${V1_MODULE}\n`)
    expect(stdout).to.include('Nothing was changed.')
    expect(snapshot(root)).to.deep.equal(before)
    expect(existsSync(path.join(root, '.npubridge'))).to.equal(false)
  })

  it('checks in CI: 3 for legacy code, for an edited wrapper, for a missing archive', async () => {
    const root = fixtureTree('v2')
    const legacy = await npubridge(['migrate', '--check'], root)
    expect(legacy.code).to.equal(EXIT.checkFailed)
    expect(legacy.stdout).to.include(`${V2_MODULE} is the legacy module (v2)`)
    expect(existsSync(path.join(root, '.npubridge'))).to.equal(false)

    await npubridge(['migrate', '--yes', '--allow-no-vcs'], root)
    // A fresh checkout has no journal.
    const checkout = emptyFolder()
    await execa('cp', ['-a', `${root}/coordination`, `${root}/deprecated`, checkout])
    expect((await npubridge(['migrate', '--check'], checkout)).code).to.equal(0)
    appendFileSync(path.join(checkout, V2_MODULE), '# edited\n')
    const drifted = await npubridge(['migrate', '--check'], checkout)
    expect(drifted.code).to.equal(EXIT.checkFailed)
    expect(drifted.stdout).to.include('its content does not match the hash in its header')
    await execa('rm', ['-r', path.join(root, 'deprecated')])
    const missing = await npubridge(['migrate', '--check'], root)
    expect(missing.code).to.equal(EXIT.checkFailed)
    expect(missing.stdout).to.include('is missing')

    const empty = await npubridge(['migrate', '--check'], emptyFolder())
    expect([empty.code, empty.stdout]).to.deep.equal([0, '✔ No legacy module here.'])
  })

  it('asks nobody where there is nobody to ask', async () => {
    const root = commitAll(fixtureTree('v2'))
    for (const args of [['migrate'], ['migrate', '--json']]) {
      const {code, stdout, stderr} = await npubridge(args, root)
      expect(code).to.equal(EXIT.guardRefused)
      expect(stdout + stderr).to.include('--yes was not given')
    }

    await npubridge(['migrate', '--yes'], root)
    expect((await npubridge(['migrate', 'rollback'], root)).code).to.equal(EXIT.guardRefused)
  })

  it('asks on a terminal: yes migrates, anything else and Ctrl-C change nothing', async () => {
    const root = commitAll(fixtureTree('v2'))
    const before = snapshot(root)
    for (const [key, code, text] of [
      [String.raw`n\r`, 0, 'Nothing was changed.'],
      [String.raw`\x03`, EXIT.interrupted, 'interrupted'],
      [String.raw`\x04`, 0, 'Nothing was changed.'],
      [String.raw`y\r`, 0, 'Undo any time'],
    ] as const) {
      const {exitCode, stdout} = await onTerminal(root, key, {CI: undefined})
      expect([exitCode, stdout.includes(text)], stdout).to.deep.equal([0, true])
      expect(stdout, key).to.match(new RegExp(String.raw`exit ${code}\s*$`))
      if (text !== 'Undo any time') expect(snapshot(root)).to.deep.equal(before)
    }

    expect(readFileSync(path.join(root, V2_MODULE), 'utf8')).to.include('# npubridge wrapper')
  })

  it('asks nobody on a machine of CI, even on a terminal', async () => {
    const root = commitAll(fixtureTree('v2'))
    const before = snapshot(root)
    const {stdout} = await onTerminal(root, String.raw`y\r`, {CI: 'true'})
    expect(stdout)
      .to.include('nobody agreed')
      .and.to.match(new RegExp(String.raw`exit ${EXIT.guardRefused}\s*$`))
    expect(snapshot(root)).to.deep.equal(before)
  })

  it('refuses uncommitted changes with 4, and takes failing tests back with 5', async () => {
    const root = commitAll(fixtureTree('v2'))
    writeFileSync(path.join(root, 'new.txt'), '')
    const dirty = await npubridge(['migrate', '--yes'], root)
    expect(dirty.code).to.equal(EXIT.guardRefused)
    expect(dirty.stderr).to.include('has uncommitted changes: new.txt').and.to.include('or --allow-dirty')
    const before = snapshot(root)
    const command = `! grep -q "npubridge wrapper" ${V2_MODULE}`
    const failed = await npubridge(['migrate', '--yes', '--allow-dirty', '--verify-command', command], root)
    expect(failed.code).to.equal(EXIT.rolledBack)
    expect(failed.stdout).to.include('Verification failed, and everything was taken back').and.to.include(command)
    expect(snapshot(root)).to.deep.equal(before)
  })

  it('tells usage errors: a mistyped subcommand, flags that do not go together', async () => {
    const root = emptyFolder()
    const typo = await npubridge(['migrate', 'rolback'], root)
    expect(typo.code).to.equal(EXIT.usage)
    expect(typo.stderr).to.include('npubridge migrate rollback .')
    for (const args of [
      ['migrate', '.', '--dry-rum'],
      ['migrate', '.', '--diff'],
      ['migrate', '.', '--check', '--yes'],
      ['migrate', '.', '--package', 'x'],
      ['migrate', 'scan', '.', '--sarif', '--json'],
    ])
      expect((await npubridge(args, root)).code, args.join(' ')).to.equal(EXIT.usage)
  })

  it('lets one of two that begin at once do the work', async () => {
    const root = commitAll(fixtureTree('v2'))
    const command = ['migrate', '--yes', '--verify-command', 'sleep 1']
    const both = await Promise.all([npubridge(command, root), npubridge(command, root)])
    const codes = both.map(({code}) => Number(code)).toSorted((a, b) => a - b)
    expect(codes, both.map(({stderr}) => stderr).join('\n')).to.deep.equal([0, EXIT.guardRefused])
    expect((await npubridge(['migrate', '--check'], root)).code).to.equal(0)
    await npubridge(['migrate', 'rollback', '--yes'], root)
    expect(git(root, 'status', '--porcelain')).to.equal('')
  })

  it('takes everything back when it is interrupted, and ends with 130', async () => {
    const root = commitAll(fixtureTree('v2'))
    const before = snapshot(root)
    const child = execa(process.execPath, [RUN, 'migrate', '--yes', '--verify-command', 'sleep 0.5'], {
      cwd: root,
      reject: false,
      stdin: 'ignore',
      env: {NO_COLOR: '1'},
    })
    child.stderr.on('data', (data: Buffer) => {
      if (data.toString().includes('❯ Verify')) child.kill('SIGINT')
    })
    const {exitCode, stderr} = await child
    expect(exitCode, stderr).to.equal(EXIT.interrupted)
    expect(stderr).to.include('Everything was taken back')
    expect(snapshot(root)).to.deep.equal(before)
    expect((await npubridge(['migrate', 'status', '--json'], root)).stdout).to.include('"state": "legacy"')
  })

  it('begins a roll-out and promotes it', async () => {
    const root = commitAll(fixtureTree('v2'))
    const begun = await npubridge(['migrate', '--strategy', 'shadow', '--yes'], root)
    expect(begun.code, begun.stderr).to.equal(0)
    expect(begun.stdout).to.include('NPUBRIDGE_ROLLOUT=0..100').and.to.include('npubridge migrate promote')
    expect((await npubridge(['migrate', 'status'], root)).stdout).to.include('In roll-out')
    expect((await npubridge(['migrate', '--check'], root)).code).to.equal(0)
    expect((await npubridge(['migrate', 'promote', '--dry-run'], root)).stdout).to.include('archive 0, replace 1')
    const promoted = await npubridge(['migrate', 'promote', '--yes', '--json'], root, withNpubridge())
    expect(expectToFit('migrate', promoted.stdout)).to.include({status: 'migrated'})
    const back = await npubridge(['migrate', 'rollback', '--all', '--yes', '--json'], root)
    expect(expectToFit('migrate-rollback', back.stdout)).to.deep.include({status: 'rolled-back', remaining: []})
    expect(git(root, 'status', '--porcelain')).to.equal('')
  })

  it('prints JSON that fits its schemas, and nothing else, on stdout', async () => {
    const root = commitAll(fixtureTree('v1'))
    const scan = expectToFit('migrate-scan', (await npubridge(['migrate', 'scan', '--json'], root)).stdout)
    expect(scan.modules).to.have.length(1)
    const planned = expectToFit('migrate', (await npubridge(['migrate', '--dry-run', '--diff', '--json'], root)).stdout)
    expect(planned).to.include({status: 'planned', id: null})
    expectToFit('migrate-check', (await npubridge(['migrate', '--check', '--json'], root)).stdout)
    const migrated = expectToFit('migrate', (await npubridge(['migrate', '--yes', '--json'], root)).stdout)
    expect(migrated.status).to.equal('migrated')
    expectToFit('migrate', (await npubridge(['migrate', '--yes', '--json'], root)).stdout)
    expectToFit('migrate-status', (await npubridge(['migrate', 'status', '--json'], root)).stdout)
    expectToFit('migrate-history', (await npubridge(['migrate', 'history', '--json'], root)).stdout)
    expectToFit('migrate-rollback', (await npubridge(['migrate', 'rollback', '--yes', '--json'], root)).stdout)
    const error = JSON.parse((await npubridge(['migrate', 'nowhere', '--json'], root)).stdout) as {
      error: {code: string}
    }
    expect(error.error.code).to.equal('INVALID_ARGUMENT')
  })

  it('prints SARIF that points at every finding', async () => {
    const root = fixtureTree('v1')
    const {code, stdout} = await npubridge(['migrate', 'scan', '--sarif'], root)
    expect(code).to.equal(0)
    const log = JSON.parse(stdout) as {
      version: string
      runs: Array<{
        tool: {driver: {rules: Array<{id: string}>}}
        results: Array<{
          ruleId: string
          level: string
          message: {text: string}
          locations: Array<{physicalLocation: {artifactLocation: {uri: string}; region?: {startLine: number}}}>
        }>
      }>
    }
    expect(log.version).to.equal('2.1.0')
    const [run] = log.runs
    const rules = new Set(run!.tool.driver.rules.map(({id}) => id))
    for (const result of run!.results) {
      expect([...rules]).to.include(result.ruleId)
      expect(result.message.text).to.match(/\.$/)
      const {artifactLocation, region} = result.locations[0]!.physicalLocation
      const file = path.join(root, decodeURIComponent(artifactLocation.uri))
      expect(existsSync(file), file).to.equal(true)
      if (region) expect(region.startLine).to.be.at.most(readFileSync(file, 'utf8').split('\n').length)
    }

    const count = (id: string) => run!.results.filter(({ruleId}) => ruleId === id).length
    expect(count('legacy-module')).to.equal(1)
    expect(count('missing-import')).to.equal(2)
    expect(count('legacy-import')).to.equal(16)
    expect(count('missing-name')).to.equal(5)
  })

  it('prints SARIF that fits the schema of OASIS', async function () {
    const validator = path.join(ROOT, '.venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
    const model = 'from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif'
    const validate = async (input: string) =>
      execa(validator, ['-c', `${model}; import sys; Sarif.model_validate_json(sys.stdin.read())`], {
        input,
        reject: false,
      })
    if (!existsSync(validator)) this.skip()
    for (const root of [fixtureTree('v1'), fixtureTree('v2'), emptyFolder()]) {
      const {stdout} = await npubridge(['migrate', 'scan', '--sarif'], root)
      const {exitCode, stderr} = await validate(stdout)
      expect(exitCode, stderr).to.equal(0)
      expect((await validate(stdout.replace('"columnKind"', '"columnKing"'))).exitCode).to.equal(1)
    }
  })

  it('speaks of a tree with everything in it that goes wrong', async () => {
    const root = treeOf({
      'a folder/npu_coordination_bridge.py': readFileSync(path.join(fixtureTree('v1'), V1_MODULE)),
      'broken.ipynb': '{"npu_coordination_bridge"',
      'gone.py': 'import npu_coordination_bridge.py\nfrom elsewhere.npu_coordination_bridge import X\n',
    })
    mkdirSync(path.join(root, 'env'))
    writeFileSync(path.join(root, 'env/pyvenv.cfg'), '')
    const {code, stdout} = await npubridge(['migrate', 'scan'], root)
    expect(code).to.equal(0)
    expect(stdout).to.include('broken.ipynb  is not a notebook of format 4')
    expect(stdout).to.include('gone.py:2  elsewhere.npu_coordination_bridge — leads nowhere in this tree')
    expect(stdout).to.include('env  virtual environment')
  })
})
