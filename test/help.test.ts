import {expect} from 'chai'
import {execa} from 'execa'
import {cpSync, globSync, mkdirSync, readFileSync} from 'node:fs'
import path from 'node:path'

import {type CommandManifest, manPage} from '../scripts/man/man-page.ts'
import {npubridge} from './support/cli.ts'
import {makeFolder, removeFolder} from './support/folder.ts'
import {expectSchema} from './support/schema.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const read = (file: string) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as unknown
const manifest = read('oclif.manifest.json') as CommandManifest
const {description, oclif} = read('package.json') as {
  description: string
  oclif: {topics: Record<string, {description: string}>}
}
const AGENTS = path.join(ROOT, 'examples/review/agents')
const commands = Object.values(manifest.commands).filter(({hidden}) => !hidden)

/** What `npubridge --help` explains for all commands. */
const COMMON = new Set(['config', 'json', 'profile', 'runtime'])

const exampleLines = ({id, examples = []}: (typeof commands)[number]) =>
  examples.map((example) =>
    (typeof example === 'string' ? example : example.command)
      .replaceAll('<%= config.bin %>', 'npubridge')
      .replaceAll('<%= command.id %>', () => id.replaceAll(':', ' ')),
  )

/** The part of a line of shell that is given to this command. */
const wordsFor = (line: string) => /npubridge ([^|>&]*)/.exec(line)?.[1]?.split(' ') ?? []

describe('every command', () => {
  it('says in a line what it does, and shows it by two examples', () => {
    for (const command of commands) {
      expect(command.summary, command.id).to.be.a('string').with.length.above(10)
      expect(command.examples, command.id).to.have.length.at.least(2)
    }
  })

  it('says what each flag and argument is for', () => {
    for (const {id, flags, args} of commands) {
      for (const flag of Object.values(flags)) expect(flag.description ?? flag.summary, `${id} --${flag.name}`).to.be.ok
      for (const argument of Object.values(args)) expect(argument.description, `${id} ${argument.name}`).to.be.ok
    }
  })

  it('has the flags that its examples use', () => {
    for (const command of commands) {
      const known = Object.values(command.flags).flatMap(({name, char, allowNo}) => [
        `--${name}`,
        ...(char ? [`-${char}`] : []),
        ...(allowNo ? [`--no-${name}`] : []),
      ])
      for (const line of exampleLines(command)) {
        expect(line, command.id).to.contain(`npubridge ${command.id.replaceAll(':', ' ')}`)
        const flags = wordsFor(line.replaceAll(/'[^']*'|"[^"]*"/g, 'X')).filter((word) => /^--?\w/.test(word))
        expect(known, line).to.include.members(flags.map((flag) => flag.split('=', 1)[0]!))
      }
    }
  })

  it('has flags in its examples that go together', () => {
    for (const command of commands) {
      for (const line of exampleLines(command)) {
        const given = new Set(line.split(/ && | \| /, 1)[0]!.match(/(?<= --)[\w-]+/g))
        const flags = Object.values(command.flags).filter(({name}) => given.has(name))
        for (const {dependsOn = [], exclusive = [], name} of flags) {
          expect([...given], `${line}: --${name}`).to.include.members(dependsOn)
          expect(
            exclusive.filter((other) => given.has(other)),
            `${line}: --${name}`,
          ).to.deep.equal([])
        }
      }
    }
  })

  it('shows what each of its own flags is good for by an example', () => {
    for (const command of commands) {
      const used = new Set(exampleLines(command).flatMap((line) => line.match(/(?<= )--[\w-]+/g) ?? []))
      const own = Object.values(command.flags).filter(({hidden, name}) => !hidden && !COMMON.has(name))
      const without = own.filter(({name}) => !used.has(`--${name}`) && !used.has(`--no-${name}`))
      expect(
        without.map(({name}) => `--${name}`),
        command.id,
      ).to.deep.equal([])
    }
  })

  it('takes --json, or writes lines as they come', () => {
    const without = commands.filter(({flags}) => !('json' in flags)).map(({id}) => id)
    expect(without.filter((id) => id !== 'run' && id !== 'top' && id !== 'worker')).to.deep.equal([])
  })

  it('belongs to a topic that says what it is about', () => {
    for (const {id} of commands) {
      if (!id.includes(':')) continue
      const topic = id.split(':', 1)[0]!
      expect(oclif.topics[topic]?.description ?? manifest.commands[topic]?.summary, topic).to.be.ok
    }
  })
})

describe('--help', () => {
  it('starts with the examples, of which there are at least two', async () => {
    for (const command of [['setup'], ['models', 'list'], ['bench']]) {
      const {stdout, exitCode} = await npubridge('/nowhere', [...command, '--help'])
      expect(exitCode).to.equal(0)
      const headers = stdout.split('\n').filter((line) => /^[A-Z][A-Z ]+$/.test(line))
      expect(headers.slice(0, 2), command.join(' ')).to.deep.equal(['EXAMPLES', 'USAGE'])
      expect(stdout.match(/^ {4}\$ npubridge/gm)).to.have.length.at.least(2)
    }
  })

  it('names every command once, by what it is for', async () => {
    const {stdout} = await npubridge('/nowhere', ['--help'])
    for (const name of new Set(commands.map(({id}) => id.split(':', 1)[0]!)))
      expect(stdout.match(new RegExp(String.raw`^  ${name} +\S`, 'gm')), name).to.have.length(1)
    const headers = stdout.split('\n').filter((line) => /^[A-Z][A-Z ]+$/.test(line))
    expect(headers).to.include.members(['EXAMPLES', 'FIRST', 'WORK', 'MEASURE', 'MOVE A CODE BASE', 'EVERYWHERE'])
  })
})

describe('the manual page', () => {
  it('is what follows from the commands: npm run docs:man', () => {
    expect(readFileSync(path.join(ROOT, 'man/npubridge.1'), 'utf8')).to.equal(manPage(manifest, description))
  })

  it('has every command and flag, and no line that roff would take for its own', () => {
    const page = manPage(manifest, description)
    for (const {id, flags} of commands) {
      expect(page).to.contain(`.SS npubridge ${id.replaceAll(':', ' ')}`)
      for (const name of Object.keys(flags))
        expect(page, id)
          .to.contain(String.raw`\-\-`)
          .and.contain(name.replaceAll('-', String.raw`\-`))
    }

    const requests = [...page.matchAll(/^[.'](\S*)/gm)].map((match) => match[1])
    expect(new Set(requests)).to.deep.equal(
      new Set([String.raw`\"`, 'B', 'I', 'PP', 'RE', 'RS', 'SH', 'SS', 'TH', 'TP', 'fi', 'nf']),
    )
  })
})

describe('colours', () => {
  /** What a program writes to a terminal. */
  const onTerminal = async (args: readonly string[], env: Record<string, string>) => {
    const program = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
    const command = [process.execPath, path.join(ROOT, 'bin/run.js'), ...args]
    const {PATH = '', HOME = ''} = process.env
    return execa('python3', ['-c', program, ...command], {
      env: {PATH, HOME, TERM: 'xterm-256color', ...env},
      extendEnv: false,
    })
  }

  const isColoured = (text: string) => text.includes('\u{1B}[')
  const args = ['agents', 'check', '--agents', AGENTS]

  before(function () {
    if (process.platform === 'win32') this.skip()
  })

  it('are shown on a terminal, and left out by --no-color, NO_COLOR and CI', async () => {
    expect(isColoured((await onTerminal(args, {})).stdout)).to.equal(true)
    expect(isColoured((await onTerminal([...args, '--no-color'], {})).stdout)).to.equal(false)
    expect(isColoured((await onTerminal(args, {NO_COLOR: '1'})).stdout)).to.equal(false)
    expect(isColoured((await onTerminal(args, {CI: 'true'})).stdout)).to.equal(false)
  })

  it('are no matter of what follows --', async () => {
    const {exitCode, stderr} = await npubridge('/nowhere', ['agents', 'show', '--agents', AGENTS, '--', '--no-color'])
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('"--no-color"')
  })
})

describe('the shell', () => {
  it('completes commands and flags', async () => {
    const home = await makeFolder()
    try {
      const {stdout} = await npubridge(home, ['autocomplete', 'script', 'bash'], {HOME: home, XDG_CACHE_HOME: home})
      expect(stdout).to.contain('NPUBRIDGE_AC_BASH_SETUP_PATH')
      await npubridge(home, ['autocomplete', 'create'], {HOME: home, XDG_CACHE_HOME: home})
      const [file] = globSync('**/functions/bash/npubridge.bash', {cwd: home})
      const completions = readFileSync(path.join(home, file!), 'utf8')
      for (const {id, flags} of commands) {
        expect(completions).to.contain(id)
        for (const name of Object.keys(flags)) expect(completions, id).to.contain(`--${name}`)
      }
    } finally {
      await removeFolder(home)
    }
  })
})

/** Commands that are quick, with the schema of what they print. */
const CHEAP: ReadonlyArray<{readonly args: readonly string[]; readonly schema: string}> = [
  {args: ['agents', 'list', '--agents', 'agents'], schema: 'agents-list'},
  {args: ['agents', 'check', '--agents', 'agents'], schema: 'agents-check'},
  {args: ['agents', 'show', 'link-checker', '--agents', 'agents'], schema: 'agents-show'},
  {args: ['config', 'init'], schema: 'config-init'},
  {args: ['config', 'show'], schema: 'config-show'},
  {args: ['config', 'validate'], schema: 'config-validate'},
  {args: ['models', 'list'], schema: 'models-list'},
  {args: ['serve', 'status'], schema: 'serve-status'},
  {args: ['migrate', 'scan', '.'], schema: 'migrate-scan.schema'},
  {args: ['migrate', 'status', '.'], schema: 'migrate-status.schema'},
  {args: ['migrate', 'history', '.'], schema: 'migrate-history.schema'},
  {args: ['migrate', '.', '--check'], schema: 'migrate-check.schema'},
  {args: ['route', 'look for typing mistakes', '--method', 'lexical', '--agents', 'agents'], schema: 'route'},
]

describe('--json', () => {
  let folder: string

  before(async () => {
    folder = await makeFolder()
    mkdirSync(path.join(folder, 'home'))
    cpSync(path.join(ROOT, 'examples/review/agents'), path.join(folder, 'agents'), {recursive: true})
  })

  after(async () => removeFolder(folder))

  const check = async (args: readonly string[], schema: string) => {
    const {exitCode, stderr, stdout} = await execa('node', [path.join(ROOT, 'bin/run.js'), ...args, '--json'], {
      cwd: folder,
      env: {NPUBRIDGE_HOME: path.join(folder, 'home')},
      reject: false,
    })
    expect(exitCode, stderr + stdout).to.equal(0)
    expectSchema(schema, stdout)
  }

  for (const {args, schema} of CHEAP) {
    it(`is one object as docs/schemas/${schema}.json says: ${args.slice(0, 2).join(' ')}`, async () =>
      check(args, schema))
  }
})
