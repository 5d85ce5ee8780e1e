/** How the optional peer `openvino-node` is found and loaded. */
import {readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import path from 'node:path'

import type {PeerAddon} from './openvino-node-types.ts'

import {NpuBridgeError} from '../errors.ts'

/** The first version with everything that is used here. */
const LEAST_VERSION = [2026, 4] as const
const INSTALL = `npm install openvino-node@${LEAST_VERSION.join('.')}`

export interface Peer {
  readonly addon: PeerAddon
  readonly version: string
  /** Where the package is. */
  readonly folder: string
}

/**
 * Loads `openvino-node`. This runs native code of the peer in this process.
 *
 * @param from the file from which the package is resolved; npubridge itself when absent
 * @throws {NpuBridgeError} RUNTIME_NOT_FOUND when it is not installed, too old or cannot be loaded
 */
export function loadPeer(from: string = import.meta.filename): Peer {
  const require = createRequire(from)
  const {folder, version} = findPeer(require)
  try {
    const {addon} = require('openvino-node') as {addon?: PeerAddon}
    if (!addon) throw new TypeError('it exports no addon')
    return {addon, folder, version}
  } catch (error) {
    const reason = (error as Error).message.split('\n', 1)[0]!
    throw new NpuBridgeError(
      'RUNTIME_NOT_FOUND',
      `openvino-node ${version} is installed in ${folder} but cannot be loaded: ${reason}`,
      {cause: error, suggestions: ['Its install script fetches a binary; let it run: npm rebuild openvino-node']},
    )
  }
}

function findPeer(require: NodeJS.Require): {folder: string; version: string} {
  const found = packageFile(require)
  if (!found) {
    throw new NpuBridgeError('RUNTIME_NOT_FOUND', 'openvino-node is not installed', {suggestions: [INSTALL]})
  }

  const {version} = JSON.parse(readFileSync(found, 'utf8')) as {version: string}
  const folder = path.dirname(found)
  if (isOlder(version)) {
    const least = LEAST_VERSION.join('.')
    throw new NpuBridgeError(
      'RUNTIME_NOT_FOUND',
      `openvino-node ${version} in ${folder} is too old, npubridge needs ${least} or newer`,
      {suggestions: [INSTALL]},
    )
  }

  return {folder, version}
}

function packageFile(require: NodeJS.Require): string | undefined {
  try {
    return require.resolve('openvino-node/package.json')
  } catch {
    return undefined
  }
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.', 2).map(Number)
  const [leastMajor, leastMinor] = LEAST_VERSION
  return major < leastMajor || (major === leastMajor && minor < leastMinor)
}
