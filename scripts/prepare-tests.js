// Brings what the tests need: a built project, a runtime, models, and a Python environment to compare with.
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {giveUp, has, ROOT, runChains, runSteps} from './steps.js'

const VENV = path.join(ROOT, '.venv')
const REQUIREMENTS = path.join(ROOT, 'test', 'requirements.txt')
const STAMP = path.join(VENV, 'requirements.txt')
const python = path.join(VENV, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
const network = 'see the message above; downloads need a connection to the npm, PyPI and crates.io registries'
const wanted = readFileSync(REQUIREMENTS, 'utf8')

if (!has('cargo'))
  giveUp('Rust is not installed (no cargo on PATH)', 'install it from https://rustup.rs, then npm test')
if (!has('python3', ['-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'])) {
  giveUp('Python 3.10 or newer with venv is needed', 'on Debian: apt-get install python3 python3-venv')
}

runSteps([
  {title: 'Build the engine (Rust)', command: 'npm', args: ['run', '--silent', 'build:addon'], advice: network},
])

const steps = [
  {title: 'Build the command line', command: 'npm', args: ['run', '--silent', 'build:ts'], advice: 'npm ci'},
  {title: 'Set up OpenVINO', command: 'node', args: ['bin/run.js', 'setup'], advice: network},
  {
    title: 'Fetch models',
    command: 'node',
    args: ['bin/run.js', 'models', 'pull', 'silero-vad', 'magika', 'minilm'],
    advice: network,
  },
]
if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== wanted) {
  steps.push(
    // One that another Python made would be half of each.
    {title: 'Make a Python environment', command: 'python3', args: ['-m', 'venv', '--clear', VENV], advice: network},
    {
      title: 'Install what the tests compare with',
      command: python,
      args: ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS],
      advice: network,
    },
    {
      title: "Install silero's own code",
      command: python,
      args: ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', 'silero-vad==6.2.3'],
      advice: network,
    },
  )
}

steps.push(
  {title: 'Build the Python package', command: 'npm', args: ['run', '--silent', 'build:python'], advice: network},
  {
    title: 'Install the Python package',
    command: python,
    args: [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--no-index',
      '--force-reinstall',
      '--find-links',
      path.join(ROOT, 'native', 'python', 'dist'),
      'npubridge',
    ],
    advice: 'rm -r native/python/dist, then npm test',
  },
)
// Half of those steps wait for a disk or a network: the tests of the engine are compiled meanwhile.
await runChains([
  steps,
  [
    {
      title: 'Compile the tests of the engine',
      command: 'cargo',
      args: ['test', '--manifest-path', 'native/Cargo.toml', '--workspace', '--no-run'],
      advice: network,
    },
  ],
])
writeFileSync(STAMP, wanted)
