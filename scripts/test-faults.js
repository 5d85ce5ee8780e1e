// The engine under every fault of the emulated NPU, at full size: 10,000 operations for each fault, 100 of each kind under
// each, 150 histories of the resource pool. `cargo test` does the same with fewer. Arguments go to the tests.
import {spawnSync} from 'node:child_process'
import path from 'node:path'

const manifest = path.resolve(import.meta.dirname, '..', 'native', 'Cargo.toml')
const packages = ['npubridge-testing', 'npubridge-engine'].flatMap((name) => ['-p', name])
const tests = ['emulated', 'missing_symbol', 'faults', 'no_runtime'].flatMap((name) => ['--test', name])
const {status} = spawnSync(
  'cargo',
  ['test', '--manifest-path', manifest, ...packages, ...tests, '--', '--nocapture', ...process.argv.slice(2)],
  {stdio: 'inherit', env: {...process.env, NPUBRIDGE_HEAVY: '1'}},
)
process.exit(status ?? 1)
