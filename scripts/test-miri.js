// The scheduler under Miri, with few cases of each property since it is a thousand times slower: needs a nightly
// toolchain with miri. proptest asks for the working folder, hence no isolation.
import {spawnSync} from 'node:child_process'
import path from 'node:path'

const manifest = path.resolve(import.meta.dirname, '..', 'native', 'Cargo.toml')
const {status} = spawnSync(
  'cargo',
  ['+nightly', 'miri', 'test', '--manifest-path', manifest, '-p', 'npubridge-scheduler', '--lib'],
  {stdio: 'inherit', env: {...process.env, MIRIFLAGS: '-Zmiri-disable-isolation', PROPTEST_CASES: '4'}},
)
process.exit(status ?? 1)
