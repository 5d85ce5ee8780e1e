/** maturin of the project's Python environment, for this package: `npm run release:wheel -- --target T`, `npm run release:sdist`. */
import {spawnSync} from 'node:child_process'
import path from 'node:path'

import {ROOT} from './packages.ts'
import {inVenv} from './venv.ts'

const [command, ...args] = process.argv.slice(2)
const where = [
  '--manifest-path',
  path.join(ROOT, 'native/python/Cargo.toml'),
  '--out',
  path.join(ROOT, 'native/python/dist'),
]
const {status} = spawnSync(inVenv('maturin'), [command!, ...where, ...args], {cwd: ROOT, stdio: 'inherit'})
process.exitCode = status ?? 1
