import {expect} from 'chai'
import {execa} from 'execa'
import {cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '..', '..')
const RUN = path.join(ROOT, 'bin', 'run.js')

const npubridge = async (
  args: string[],
  options: {env?: Record<string, string>; input?: string; node?: string[]} = {},
) =>
  execa('node', [...(options.node ?? []), RUN, ...args], {
    env: {...options.env},
    reject: false,
    ...(options.input !== undefined && {input: options.input}),
  })

describe('bin/run.js', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'npubridge-bin-'))
  })

  afterEach(() => {
    rmSync(folder, {force: true, recursive: true})
  })

  it('tells a Node that is too old in one line, without a stack', async () => {
    const fake = path.join(folder, 'old.cjs')
    writeFileSync(fake, "Object.defineProperty(process.versions, 'node', {value: '20.20.2'})\n")
    const {exitCode, stderr, stdout} = await npubridge(['--version'], {node: ['--require', fake]})
    expect(exitCode).to.equal(1)
    expect(stdout).to.equal('')
    expect(stderr).to.match(/^npubridge needs Node 22\.13 or newer, this is 20\.20\.2\./)
    expect(stderr.trim().split('\n')).to.have.length(1)
  })

  it('is parsed by old versions of Node: no syntax younger than ES2015 but the import of what follows', () => {
    const source = readFileSync(RUN, 'utf8')
    expect(source).to.not.match(/\?\?|\?\.|await |^import /m)
  })

  it('exits 2 for usage errors and unknown commands', async () => {
    for (const args of [
      ['frobnicate'],
      ['run', '--nope', '-'],
      ['run'],
      ['run', '-', '--device', 'tpu'],
      ['probe', 'extra'],
    ]) {
      expect((await npubridge(args)).exitCode, args.join(' ')).to.equal(2)
    }
  })

  describe('without the native binary', () => {
    const env = {NPUBRIDGE_NATIVE: '/nonexistent/npubridge.node'}

    it('says what to do when the native engine is asked for', async () => {
      const {exitCode, stderr} = await npubridge(['run', '-', '--engine', 'native'], {env, input: '{"type":"echo"}\n'})
      expect(exitCode).to.equal(1)
      expect(stderr).to.contain('the native engine cannot be loaded on').and.contain('npm run build:native')
      expect(stderr).to.not.match(/^\s+at /m)
    })

    it('falls back to the legacy engine and says why', async () => {
      const {exitCode, stdout} = await npubridge(['run', '-'], {env, input: '{"type":"echo","data":[1,2]}\n'})
      expect(exitCode).to.equal(0)
      const line = JSON.parse(stdout) as {engine: string; fallback: {from: string; reason: string; to: string}}
      expect(line).to.deep.include({ok: true, data: [1, 2], engine: 'legacy'})
      expect(line.fallback).to.include({from: 'native', to: 'legacy'})
      expect(line.fallback.reason).to.contain('cannot be loaded')
    })

    it('lists models and shows what setup would do', async () => {
      expect((await npubridge(['models', 'list'], {env})).exitCode).to.equal(0)
      expect((await npubridge(['setup', '--help'], {env})).exitCode).to.equal(0)
    })
  })

  it('is told by oclif.manifest.json as it is', async () => {
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
    cpSync(path.join(ROOT, 'dist'), path.join(folder, 'dist'), {recursive: true})
    cpSync(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'))
    await execa(path.join(ROOT, 'node_modules', '.bin', 'oclif'), ['manifest', folder], {cwd: folder})
    const read = (root: string) =>
      JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {commands: object}
    expect(read(ROOT).commands).to.deep.equal(read(folder).commands)
  })
})
