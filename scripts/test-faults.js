// The engine under every fault of the emulated NPU, at full size: 10,000 operations for each fault, 100 of each kind under
// each, 150 histories of the resource pool. `cargo test` does the same with fewer. Arguments go to the tests.
import {spawnSync} from 'node:child_process'
import path from 'node:path'

const manifest = path.resolve(import.meta.dirname, '..', 'native', 'Cargo.toml')
const runs = [
  ['-p', 'npubridge-testing'],
  ['-p', 'npubridge-engine', '--test', 'faults', '--test', 'no_runtime'],
]
for (const tests of runs) {
  const {status} = spawnSync(
    'cargo',
    ['test', '--manifest-path', manifest, ...tests, '--', '--nocapture', ...process.argv.slice(2)],
    {stdio: 'inherit', env: {...process.env, NPUBRIDGE_HEAVY: '1'}},
  )
  if (status !== 0) process.exit(status ?? 1)
}
