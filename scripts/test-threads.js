// ThreadSanitizer over the engine's threads without a device: needs a nightly toolchain with rust-src, since the standard
// library has to be built with it as well. Arguments name other tests.
import {spawnSync} from 'node:child_process'
import path from 'node:path'

const native = path.resolve(import.meta.dirname, '..', 'native')
const tests = process.argv.length > 2 ? process.argv.slice(2) : ['engine::tests']
const {status} = spawnSync(
  'cargo',
  [
    '+nightly',
    'test',
    '--manifest-path',
    path.join(native, 'Cargo.toml'),
    '--target-dir',
    path.join(process.env.CARGO_TARGET_DIR ?? path.join(native, 'target'), 'threads'),
    '-Zbuild-std',
    '--target',
    'x86_64-unknown-linux-gnu',
    '-p',
    'npubridge-engine',
    '--lib',
    '--',
    ...tests,
  ],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      RUSTFLAGS: '-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer',
      TSAN_OPTIONS: 'halt_on_error=1',
    },
  },
)
process.exit(status ?? 1)
