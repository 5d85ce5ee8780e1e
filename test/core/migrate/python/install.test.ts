import {expect} from 'chai'
import {execFileSync} from 'node:child_process'
import {writeFileSync} from 'node:fs'
import path from 'node:path'

import type {Effects, ProcessResult} from '../../../../src/core/migrate/effects.ts'

import {EXIT, type NpuBridgeError} from '../../../../src/core/errors.ts'
import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {applyInstall, fixedVersion, prepareInstall, undoInstall} from '../../../../src/core/migrate/python/install.ts'
import {inspectInterpreter, normalizedName} from '../../../../src/core/migrate/python/interpreter.ts'
import {wheelOfNpubridge} from '../package.ts'
import {emptyFolder, fixtureTree, removeFolders, runMigrate, runRollback, snapshot, V2_MODULE} from '../workspace.ts'

const WHEEL = String.raw`
import hashlib, base64, sys, zipfile
name, version, target, requires = sys.argv[1:5]
files = {name + "/__init__.py": "__version__ = %r\n" % version}
if len(sys.argv) > 5:
    files[name + "/compat.py"] = open(sys.argv[5]).read()
info = "%s-%s.dist-info" % (name, version)
files[info + "/METADATA"] = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n%s" % (name, version, "Requires-Dist: %s\n" % requires if requires else "")
files[info + "/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
record = "".join("%s,sha256=%s,%d\n" % (p, base64.urlsafe_b64encode(hashlib.sha256(c.encode()).digest()).rstrip(b"=").decode(), len(c)) for p, c in files.items())
files[info + "/RECORD"] = record + info + "/RECORD,,\n"
with zipfile.ZipFile(target, "w") as wheel:
    for path, content in files.items():
        wheel.writestr(path, content)
`

/** A wheel of that name that needs nothing, or what `requires` says. */
function wheel(folder: string, name: string, version: string, requires = '', compat = ''): string {
  const file = path.join(folder, `${name}-${version}-py3-none-any.whl`)
  execFileSync('python3', ['-c', WHEEL, name, version, file, requires, ...(compat ? [compat] : [])])
  return file
}

function virtualEnvironment(folder: string): string {
  const environment = path.join(folder, 'env')
  execFileSync('python3', ['-m', 'venv', environment])
  return path.join(environment, 'bin', 'python')
}

let shared: string | undefined

/** One for all tests, each of which leaves it as it was: making one takes longer than most tests. */
function sharedEnvironment(): string {
  shared ??= virtualEnvironment(emptyFolder())
  return shared
}

/** Answers instead of Python: what it says of itself, and what pip says. */
function answering(interpreter: object, pip: Partial<ProcessResult> = {}): Effects {
  const about = {executable: '/python', version: [3, 12, 1], distributions: {}, externallyManaged: null, ...interpreter}
  const ended = {exitCode: 0, stderr: '', problem: null, missing: false}
  return {
    ...nodeEffects(),
    processes: {
      run: async (_command, args) =>
        args.includes('pip')
          ? {...ended, stdout: '{"install": []}', ...pip}
          : {...ended, stdout: JSON.stringify(about)},
      shell: async () => expect.fail('no shell'),
    },
  }
}

async function refusal(work: Promise<unknown>): Promise<NpuBridgeError> {
  try {
    await work
  } catch (error) {
    return error as NpuBridgeError
  }

  return expect.fail('was not refused')
}

const REQUEST_OPTIONS = {python: 'python3', packageSpec: 'npubridge==0.1.0'}
const REQUEST = {python: 'python3', spec: 'npubridge==0.1.0', wheels: null}

describe('installing npubridge', () => {
  after(removeFolders)

  it('brings a wheel with what it needs, and takes away exactly that', async () => {
    const folder = emptyFolder('links')
    const python = sharedEnvironment()
    wheel(folder, 'helper_of_npubridge', '2.0')
    const spec = wheel(folder, 'npubridge', '0.1.0', 'helper-of-npubridge')
    const real = nodeEffects()
    const offline = {PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder}
    const run: Effects['processes']['run'] = async (command, args, options) =>
      real.processes.run(command, args, {...options, env: {...options?.env, ...offline}})
    const effects = {...real, processes: {...real.processes, run}}
    const before = (await inspectInterpreter(effects, python)).distributions

    const step = await prepareInstall(effects, {python, spec, wheels: null})
    expect(step).to.deep.include({type: 'install', spec, state: 'pending'})
    expect(step!.packages.toSorted((a, b) => a.name.localeCompare(b.name))).to.deep.equal([
      {name: 'helper-of-npubridge', version: '2.0'},
      {name: 'npubridge', version: '0.1.0'},
    ])
    expect((await inspectInterpreter(effects, python)).distributions).to.deep.equal(before)

    await applyInstall(effects, step!)
    const installed = (await inspectInterpreter(effects, python)).distributions
    expect([installed.get('npubridge'), installed.get('helper-of-npubridge')]).to.deep.equal(['0.1.0', '2.0'])
    expect(await prepareInstall(effects, {python, spec, wheels: null})).to.equal(null)
    expect(await prepareInstall(effects, {python, spec: 'npubridge', wheels: null})).to.equal(null)
    const other = await refusal(
      prepareInstall(effects, {python, spec: wheel(folder, 'npubridge', '0.2.0'), wheels: null}),
    )
    expect(other.exitCode).to.equal(EXIT.guardRefused)
    expect(other.message).to.include('would replace npubridge 0.1.0 by 0.2.0')

    await undoInstall(effects, step!)
    await undoInstall(effects, step!)
    expect((await inspectInterpreter(effects, python)).distributions).to.deep.equal(before)
  })

  it('is part of a migration: the wheel that came with npubridge, verified to answer, taken away by the rollback', async function () {
    if (!wheelOfNpubridge()) this.skip()
    const root = fixtureTree('v2')
    const python = virtualEnvironment(path.join(root, 'coordination'))
    const before = snapshot(root)
    const report = await runMigrate(root, {python})
    expect(report.execution?.verification.regressions).to.deep.equal([])
    expect(report.status).to.equal('migrated')
    expect(report.execution?.wrappers).to.deep.equal([{path: V2_MODULE, active: 'npubridge', reason: null}])
    await runRollback(root)
    const {distributions} = await inspectInterpreter(nodeEffects(), python)
    expect([...distributions.keys()]).not.to.include('npubridge')
    expect(snapshot(root)).to.deep.equal(before)
  })

  it('is taken back with everything else when what it brought does not answer', async () => {
    const root = fixtureTree('v2')
    const python = sharedEnvironment()
    const before = snapshot(root)
    const broken = path.join(emptyFolder(), 'compat.py')
    writeFileSync(broken, 'raise OSError("no such device")\n')
    const report = await runMigrate(root, {python, packageSpec: wheel(emptyFolder(), 'npubridge', '0.1.0', '', broken)})
    expect(report.status).to.equal('rolled-back')
    expect(report.execution?.verification.regressions).to.deep.equal([
      {name: `${V2_MODULE} runs on npubridge`, ok: false, problem: 'OSError: no such device'},
    ])
    expect(snapshot(root)).to.deep.equal(before)
    expect([...(await inspectInterpreter(nodeEffects(), python)).distributions.keys()]).not.to.include('npubridge')
  })

  it('is refused where the operating system manages Python, with advice', async () => {
    const error = await refusal(prepareInstall(answering({externallyManaged: '[externally-managed]\n'}), REQUEST))
    expect(error.exitCode).to.equal(EXIT.guardRefused)
    expect(error.message).to.include('PEP 668')
    expect(error.suggestions[0]).to.include('-m venv .venv')
  })

  it('is in the way of a dry run, which tells so and refuses nothing', async () => {
    const effects = answering({externallyManaged: '[externally-managed]\n'})
    const report = await runMigrate(fixtureTree('v2'), {python: 'python3', dryRun: true}, effects)
    expect(report.status).to.equal('planned')
    expect(report.plan!.blockers.map(({path: where, problem}) => [where, problem])).to.deep.equal([
      [
        'python3',
        'cannot get npubridge: python3 is managed by the operating system (PEP 668): npubridge does not install into it',
      ],
    ])
    const possible = await runMigrate(fixtureTree('v2'), {...REQUEST_OPTIONS, dryRun: true}, answering({}))
    expect(possible.plan!.blockers).to.deep.equal([])
  })

  it('is refused for a Python that is too old', async () => {
    for (const version of [
      [3, 9, 18],
      [2, 7, 18],
    ]) {
      const error = await refusal(prepareInstall(answering({version}), REQUEST))
      expect(error.exitCode).to.equal(EXIT.guardRefused)
      expect(error.message).to.equal(`python3 is Python ${version.join('.')}; npubridge needs 3.10 or newer`)
    }

    expect(await prepareInstall(answering({version: [3, 10, 0]}), REQUEST)).not.to.equal(null)
  })

  it('says what pip said, and what to do where there is no pip', async () => {
    const unknown = {
      exitCode: 1,
      stderr: 'ERROR: Could not find a version\nERROR: No matching distribution found for npubridge==0.1.0\n',
    }
    const {message} = await refusal(prepareInstall(answering({}, unknown), REQUEST))
    expect(message).to.include('pip cannot install npubridge==0.1.0: ERROR: Could not find')
    const without = {exitCode: 1, stderr: '/python: No module named pip\n'}
    const error = await refusal(prepareInstall(answering({}, without), REQUEST))
    expect(error.message).to.equal('python3 has no pip')
    expect(error.suggestions.join(' ')).to.include('ensurepip')
  })

  it('names where a wheel may come from when none came with npubridge, or none that fits', async () => {
    const spec = 'npubridge==0.1.0'
    for (const wheels of [emptyFolder(), path.join(emptyFolder(), 'nowhere')]) {
      const error = await refusal(prepareInstall(answering({}), {python: 'python3', spec, wheels}))
      expect(error.message).to.equal(`there is no wheel for npubridge==0.1.0 in ${wheels}`)
      expect(error.suggestions[0]).to.include('npm run build:python')
      expect(error.suggestions).to.include(
        'or take it from the package index that pip is set up for: --python python3 --package npubridge==0.1.0',
      )
    }

    const python = sharedEnvironment()
    const wheels = emptyFolder()
    for (const name of ['npubridge-0.1.0-cp310-abi3-plan9_1_mips.whl', 'npubridge-0.0.9-py3-none-any.whl'])
      writeFileSync(path.join(wheels, name), '')
    const error = await refusal(prepareInstall(nodeEffects(), {python, spec, wheels}))
    expect(error.message).to.equal(
      `no wheel in ${wheels} fits ${python}: there is npubridge-0.1.0-cp310-abi3-plan9_1_mips.whl`,
    )
  })

  it('knows the version that is asked for', () => {
    expect(fixedVersion('npubridge==0.1.0')).to.equal('0.1.0')
    expect(fixedVersion('/a b/npubridge-0.2.0rc1-cp310-abi3-manylinux_2_34_x86_64.whl')).to.equal('0.2.0rc1')
    expect(fixedVersion('npubridge>=1')).to.equal(null)
    expect(fixedVersion('other==1')).to.equal(null)
    expect(normalizedName('Helper.Of__npuBridge')).to.equal('helper-of-npubridge')
  })
})
