import {expect} from 'chai'
import {execa} from 'execa'
import {existsSync, globSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {PEER_NAMES, SUITE_NAMES} from '../src/core/bench/names.ts'
import {PEERS} from '../src/core/bench/peers/index.ts'
import {SUITES} from '../src/core/bench/suites/index.ts'
import {temporaryFolder} from './core/run/temporary-folder.ts'

const ROOT = path.resolve(import.meta.dirname, '..')

/** What any command may load before it knows what to do: the command line itself. */
const LIGHT = new Set(['@oclif/core'])

/** Packages that are loaded along with `file`: by imports that are no types, and not by `import()`. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>()
  if (seen.has(file)) return packages
  seen.add(file)
  const source = readFileSync(file, 'utf8')
  // `import {type A}` is kept as `import {}` by the compiler, and loads the module all the same.
  for (const [, specifier] of source.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'";]*?from\s+)?'([^']+)'/gm)) {
    if (specifier!.startsWith('node:')) continue
    if (specifier!.startsWith('.')) {
      for (const name of packagesOf(path.resolve(path.dirname(file), specifier!), seen)) packages.add(name)
    } else packages.add(specifier!)
  }

  return packages
}

describe('starting', () => {
  const commands = globSync('src/commands/**/*.ts', {cwd: ROOT})
  const folder = temporaryFolder()

  it('loads nothing heavy before a command needs it', () => {
    expect(commands).to.not.be.empty
    const heavy = commands.flatMap((file) =>
      [...packagesOf(path.join(ROOT, file))].filter((name) => !LIGHT.has(name)).map((name) => `${file}: ${name}`),
    )
    expect(heavy, 'import() it where it is used').to.deep.equal([])
  })

  it('finds what it loads later: names of files are those of what was compiled', () => {
    const compiled = globSync('dist/**/*.js', {cwd: ROOT})
    const wrong = compiled.filter((file) => /\bimport\('[^']*\.ts'\)/.test(readFileSync(path.join(ROOT, file), 'utf8')))
    expect(wrong).to.deep.equal([])
  })

  it('notices what a module brings with it', () => {
    const engine = packagesOf(path.join(ROOT, 'src/core/serve/options.ts'))
    expect(engine).to.include('zod')
    expect(packagesOf(path.join(ROOT, 'src/ui/table.ts'))).to.include('cli-table3')
  })

  it('keeps its compiled code, and starts all the same where that cannot be kept', async () => {
    const start = async (home: string) =>
      execa('node', [path.join(ROOT, 'bin/run.js'), 'config', 'show', '--json'], {
        env: {NPUBRIDGE_HOME: home, NODE_DISABLE_COMPILE_CACHE: undefined},
      })
    const home = path.join(folder(), 'home')
    const first = await start(home)
    expect(globSync('cache/code/**/*', {cwd: home})).to.have.length.greaterThan(100)
    expect((await start(home)).stdout).to.equal(first.stdout)
    rmSync(path.join(home, 'cache'), {recursive: true})
    writeFileSync(path.join(home, 'cache'), 'this is no folder')
    expect((await start(home)).stdout).to.equal(first.stdout)
  })

  it('tells the version without loading any package, as oclif would', async () => {
    const trace = path.join(ROOT, 'test/support/loaded-modules.js')
    expect(existsSync(trace)).to.equal(true)
    const run = async (...args: string[]) =>
      execa('node', ['--import', trace, path.join(ROOT, 'bin/run.js'), ...args], {reject: false})
    const {exitCode, stderr, stdout} = await run('--version')
    const {version} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {version: string}
    expect(exitCode).to.equal(0)
    expect(stdout).to.equal(`npubridge/${version} ${process.platform}-${process.arch} node-${process.version}`)
    expect(stderr).to.equal('loaded: run.js')

    // With more behind it, it is oclif that answers.
    const other = await run('--version', '--json')
    expect(other.stdout.split(' ', 1)[0]).to.equal(stdout.split(' ', 1)[0])
    expect(other.stderr).to.contain('@oclif/core')
  })

  it('loads neither schemas nor processes nor tables for a command that is used wrongly', async () => {
    const trace = path.join(ROOT, 'test/support/loaded-modules.js')
    const {exitCode, stderr} = await execa('node', ['--import', trace, 'bin/run.js', 'run', '-', '--nope'], {
      cwd: ROOT,
      reject: false,
    })
    expect(exitCode).to.equal(2)
    const loaded = stderr.split('\n').find((line) => line.startsWith('loaded: '))
    expect(loaded).to.contain('@oclif/core')
    for (const name of ['zod', 'yaml', 'execa', 'cli-table3', 'listr2', 'fastify', '@ast-grep/napi', 'ws'])
      expect(loaded!.split(' ')).to.not.include(name)
  })

  it('knows the names that bench takes without loading what measures them', () => {
    expect(SUITE_NAMES).to.deep.equal(SUITES.map(({name}) => name))
    expect(PEER_NAMES).to.deep.equal(PEERS.map(({name}) => name))
  })
})
