// `npm run build:addon`: the add-on for this machine, by Cargo alone, which compiles nothing twice. `build:native` does it
// by napi's command, which also writes the types and builds for other platforms, and compiles once more for the types.
import {execa} from 'execa'
import {copyFile, rename} from 'node:fs/promises'
import path from 'node:path'

import {platformName} from '../src/core/engine/native-file.ts'

const NATIVE = path.resolve(import.meta.dirname, '..', 'native')
const LIBRARIES: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  darwin: 'libnpubridge_node.dylib',
  win32: 'npubridge_node.dll',
}

await execa('cargo', ['build', '--release', '--package', 'npubridge-node'], {cwd: NATIVE, stdio: 'inherit'})
const target = path.resolve(NATIVE, process.env.CARGO_TARGET_DIR ?? 'target')
const built = path.join(target, 'release', LIBRARIES[process.platform] ?? 'libnpubridge_node.so')
const addon = path.join(NATIVE, 'node', `npubridge.${platformName()}.node`)
// By a new file: the old one may be in use.
await copyFile(built, `${addon}.new`)
await rename(`${addon}.new`, addon)
