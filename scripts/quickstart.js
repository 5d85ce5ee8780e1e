// `npm start`: from a fresh clone to the main job. Builds the engine and the command line, sets up OpenVINO and a
// model, examines the machine and compares the old module with the new engine. May be run again at any time: what is
// done already is quick.
import {giveUp, has, runSteps} from './steps.js'

const NPUBRIDGE = ['bin/run.js']

if (!has('cargo'))
  giveUp('Rust is not installed (no cargo on PATH)', 'install it from https://rustup.rs, then npm start')
if (!has('python3')) {
  giveUp(
    'Python is not installed (no python3 on PATH)',
    'install Python 3.10 or newer, on Debian: apt-get install python3',
  )
}

const network = 'see the message above; downloads need a connection to the npm, PyPI and crates.io registries'
runSteps([
  {title: 'Build the engine (Rust)', command: 'npm', args: ['run', '--silent', 'build:addon'], advice: network},
  {title: 'Build the command line', command: 'npm', args: ['run', '--silent', 'build:ts'], advice: 'npm ci'},
  {title: 'Set up OpenVINO', command: 'node', args: [...NPUBRIDGE, 'setup'], advice: network},
  {
    title: 'Fetch models',
    command: 'node',
    args: [...NPUBRIDGE, 'models', 'pull', 'silero-vad', 'magika'],
    advice: network,
  },
  {title: 'Examine the machine', command: 'node', args: [...NPUBRIDGE, 'probe'], advice: 'node bin/run.js probe --all'},
  {title: 'Compare', command: 'node', args: [...NPUBRIDGE, 'bench'], advice: 'node bin/run.js bench --quick'},
])
process.stdout.write('\n✔ npubridge works here. Next: npx npubridge --help\n')
