// Runs the tests of the Python package on every CPython from 3.10 on that this machine has, each in an empty virtual
// environment with the built wheel: `node scripts/test-pythons.js [pytest options]`, after `npm run test:prepare`.
import {spawnSync} from 'node:child_process'
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {homedir, tmpdir} from 'node:os'
import path from 'node:path'

import {giveUp, ROOT, runChains} from './steps.js'

const WHEELS = path.join(ROOT, 'native', 'python', 'dist')
const TESTS = path.join(ROOT, 'native', 'python', 'tests')
const NEEDED = new Set(['PyWavelets', 'bullmq', 'numpy', 'packaging', 'pytest', 'pytest-asyncio', 'scipy'])
/** Of what all tests need, what those of the package do. */
const TOOLS = readFileSync(path.join(ROOT, 'test', 'requirements.txt'), 'utf8')
  .split('\n')
  .filter((line) => NEEDED.has(line.split(/[<=>[]/, 1)[0]))
const DESCRIBE = `
import sys, sysconfig, venv, ensurepip
if sys.implementation.name == "cpython" and sys.version_info >= (3, 10) and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print(sys.version_info[1], sys.base_exec_prefix)
`

/** Interpreters on the PATH, and those that pyenv keeps beside it. */
function candidates() {
  const versions = path.join(process.env.PYENV_ROOT ?? path.join(homedir(), '.pyenv'), 'versions')
  const kept = list(versions).map((version) => path.join(versions, version, 'bin', 'python3'))
  const named = list(...(process.env.PATH ?? '').split(path.delimiter)).filter((name) => /^python3(\.\d+)?$/.test(name))
  return [...new Set(['python3', ...named, ...kept])]
}

function list(...folders) {
  return folders.flatMap((folder) => {
    try {
      return readdirSync(folder)
    } catch {
      return []
    }
  })
}

/** One interpreter of each minor version, those on the PATH before others. */
function interpreters() {
  const found = new Map()
  for (const command of candidates()) {
    const {status, stdout} = spawnSync(command, ['-c', DESCRIBE], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const minor = status === 0 ? stdout.split(' ', 1)[0] : ''
    if (minor && !found.has(minor)) found.set(minor, command)
  }

  return [...found].toSorted(([a], [b]) => a - b).map(([minor, command]) => ({version: `3.${minor}`, command}))
}

const all = interpreters()
if (all.length === 0) giveUp('No CPython from 3.10 on is installed', 'on Debian: apt-get install python3 python3-venv')
const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-pythons-'))
process.on('exit', () => rmSync(folder, {recursive: true, force: true}))

const network = 'see the message above; downloads need a connection to PyPI'
await runChains(
  all.map(({version, command}) => {
    const venv = path.join(folder, version)
    const python = path.join(venv, 'bin', 'python')
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    return [
      {title: `Make an environment with CPython ${version}`, command, args: ['-m', 'venv', venv], advice: network},
      {title: 'Install what tests it', command: python, args: [...pip, ...TOOLS], advice: network},
      {
        title: 'Install the wheel',
        command: python,
        args: [...pip, '--no-deps', '--no-index', '--find-links', WHEELS, 'npubridge'],
        advice: 'npm run build:python',
      },
      {
        title: `Test on CPython ${version}`,
        command: python,
        args: ['-B', '-m', 'pytest', '-p', 'no:cacheprovider', ...process.argv.slice(2), TESTS],
        advice: 'see the failure above',
      },
    ]
  }),
)
process.stdout.write(`\nCPython ${all.map(({version}) => version).join(', ')}: all tests passed\n`)
