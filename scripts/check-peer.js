// Compiles the adapter to openvino-node against the types that are published, without running anything of the package:
// it is installed into a temporary folder with --ignore-scripts. `npm run check:peer`, or with a version behind `--`.
import {execFileSync} from 'node:child_process'
import {cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

const VERSION = process.argv[2] ?? '2026.4.0'
const ROOT = path.resolve(import.meta.dirname, '..')
/** What stands in for openvino-node-types.ts: the same names for the published types. */
const PUBLISHED = `
import type * as published from 'openvino-node'

export type PeerElement = published.elementTypeString
export type PeerTensor = published.Tensor
export type PeerPort = published.Output
export type PeerModel = published.Model
export type PeerInferRequest = published.InferRequest
export type PeerCompiledModel = published.CompiledModel
export type PeerCore = published.Core
export type PeerAddon = published.NodeAddon
`

const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-peer-'))
try {
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({name: 'peer-check', private: true, type: 'module'}))
  // `node_modules` is a folder of its own here, so that nothing of the project can stand in for the package.
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `openvino-node@${VERSION}`], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  cpSync(path.join(ROOT, 'src/core'), path.join(folder, 'src/core'), {recursive: true})
  cpSync(path.join(ROOT, 'tsconfig.json'), path.join(folder, 'tsconfig.base.json'))
  mkdirSync(path.join(folder, 'node_modules/@types'), {recursive: true})
  for (const name of ['@types/node', 'execa'])
    symlinkSync(path.join(ROOT, 'node_modules', name), path.join(folder, 'node_modules', name), 'dir')
  writeFileSync(path.join(folder, 'src/core/engine/openvino-node-types.ts'), PUBLISHED)
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: './tsconfig.base.json',
      compilerOptions: {noEmit: true},
      files: ['src/core/engine/openvino-node.ts'],
    }),
  )
  execFileSync(process.execPath, [path.join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], {stdio: 'inherit'})
  console.log(`openvino-node ${VERSION} has everything that the adapter uses.`)
} catch (error) {
  console.error(`openvino-node ${VERSION} was not confirmed: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(folder, {recursive: true})
}
