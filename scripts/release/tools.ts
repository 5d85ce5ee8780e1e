/** Brings what compiling for a target needs: `npm run release:tools -- TARGET`. Rust and Python have to be there. */
import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'

import {inVenv, VENV} from './venv.ts'

const [target] = process.argv.slice(2)
const python = process.platform === 'win32' ? 'python' : 'python3'
const steps: Array<[command: string, ...args: string[]]> = [
  ...(target === undefined ? [] : [['rustup', 'target', 'add', target] as [string, ...string[]]]),
  ...(existsSync(inVenv('python')) ? [] : [[python, '-m', 'venv', VENV] as [string, ...string[]]]),
  [
    inVenv('python'),
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    'maturin>=1.16,<2',
    'ziglang>=0.15,<1',
  ],
]
for (const [command, ...args] of steps) {
  const {status} = spawnSync(command, args, {stdio: 'inherit'})
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
}
