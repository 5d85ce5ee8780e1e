// What it takes to start, beside the goals: `--version` against `node -e 0`, and commands up to where their work begins against an
// empty command of oclif up to the same point. Each pair is measured in turns, and the ratio taken pair by pair, so that a machine that gets
// slower meanwhile does not matter. Exits with 3 where a goal is not met.
//
//   npm run bench:startup [-- --pairs 21]
import {spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {cpus, loadavg, tmpdir} from 'node:os'
import path from 'node:path'
import {parseArgs} from 'node:util'
import {median, quantile} from 'simple-statistics'

import {ROOT} from './steps.js'

const {values: options} = parseArgs({options: {pairs: {type: 'string', default: '21'}}})
const PAIRS = Number(options.pairs)
const RUN = path.join(ROOT, 'bin', 'run.js')
const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-startup-'))
process.once('exit', () => {
  rmSync(folder, {recursive: true, force: true})
})

/** A command line of oclif with one command that does nothing, its manifest included, and gives how to run it. */
function emptyCommand() {
  const files = {
    'package.json': JSON.stringify({
      name: 'empty',
      version: '1.0.0',
      type: 'module',
      oclif: {bin: 'empty', dirname: 'empty', commands: './commands', plugins: ['@oclif/plugin-help']},
      dependencies: {'@oclif/core': '*', '@oclif/plugin-help': '*'},
    }),
    'oclif.manifest.json': JSON.stringify({
      version: '1.0.0',
      commands: {
        nothing: {
          id: 'nothing',
          aliases: [],
          args: {},
          flags: {},
          hiddenAliases: [],
          isESM: true,
          pluginName: 'empty',
          pluginType: 'core',
          relativePath: ['commands', 'nothing.js'],
          strict: true,
        },
      },
    }),
    'run.js': "import {execute} from '@oclif/core'\n\nawait execute({dir: import.meta.url})\n",
    'commands/nothing.js':
      "import {Command} from '@oclif/core'\n\nexport default class Nothing extends Command {\n  async run() {\n    await this.parse(Nothing)\n  }\n}\n",
  }
  mkdirSync(path.join(folder, 'commands'))
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
  return [path.join(folder, 'run.js'), 'nothing']
}

function timed(args) {
  const started = performance.now()
  const {status, stderr} = spawnSync(process.execPath, args, {cwd: ROOT, encoding: 'utf8'})
  const ms = performance.now() - started
  const expected = args.at(-1) === UNKNOWN ? 2 : 0
  if (status !== expected) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`)
  return ms
}

function compare(args, peer) {
  timed(args)
  timed(peer)
  const pairs = Array.from({length: PAIRS}, (_, index) => {
    if (index % 2 === 0) return [timed(args), timed(peer)]
    const second = timed(peer)
    return [timed(args), second]
  })
  const ratios = pairs.map(([one, other]) => one / other)
  return {
    ms: median(pairs.map(([one]) => one)),
    peerMs: median(pairs.map(([, other]) => other)),
    ratio: median(ratios),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
  }
}

const empty = emptyCommand()
const {commands} = JSON.parse(readFileSync(path.join(ROOT, 'oclif.manifest.json'), 'utf8'))
/** Refused by every command once it has been loaded and reads its flags: all that comes before its work. */
const UNKNOWN = '--no-such-flag'
const CASES = [
  {name: '--version', args: ['--version'], peer: ['-e', '0'], peerName: 'node -e 0', goal: 2},
  {name: 'run --help', args: ['run', '--help'], peer: [...empty, '--help'], peerName: 'empty --help', goal: 1.25},
  ...Object.keys(commands).map((id) => ({
    name: id.replaceAll(':', ' '),
    args: [...id.split(':'), UNKNOWN],
    peer: [...empty, UNKNOWN],
    peerName: 'empty command',
    goal: 1.25,
  })),
]

process.stdout.write(
  `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}, Node ${process.version}, ${PAIRS} pairs each\n`,
)
let isMissed = false
for (const {name, args, peer, peerName, goal} of CASES) {
  const {ms, peerMs, ratio, quartiles} = compare([RUN, ...args], peer)
  const isMet = ratio <= goal
  isMissed ||= !isMet
  process.stdout.write(
    `${isMet ? '✔' : '✖'} ${name.padEnd(20)} ${ms.toFixed(0).padStart(4)} ms  ${ratio.toFixed(2)} × ${peerName} (${peerMs.toFixed(0)} ms), ` +
      `half of the pairs ${quartiles.map((value) => value.toFixed(2)).join(' to ')}, goal ≤ ${goal}\n`,
  )
}

if (isMissed) process.exitCode = 3
