/** The bridge of a command: what its flags do not say comes from the project's configuration. */
import type {Engine} from './engine/engine.ts'

import {createBridge} from './bridge.ts'
import {resolveConfig} from './config/resolve.ts'
import {connectTo} from './serve/client/connection.ts'

export interface BridgeFlags {
  /** The file of a configuration. */
  readonly config?: string | undefined
  readonly device?: string | undefined
  readonly engine?: string | undefined
  readonly legacy?: string | undefined
  readonly profile?: string | undefined
  readonly runtime?: string | undefined
}

/** @throws NpuBridgeError CONFIG_INVALID naming the setting and where it comes from; what keeps an engine from starting */
export async function openBridge({config: file, legacy, ...flags}: BridgeFlags): Promise<Engine> {
  const {device, engine, profile, runtime} = flags
  const {config} = await resolveConfig({file, flags: {device, engine, legacy_module: legacy, profile, runtime}})
  return createBridge({config})
}

/** As {@link openBridge}, or a server that has the engine. */
export async function openEngine({
  server,
  ...flags
}: BridgeFlags & {readonly server?: string | undefined}): Promise<AsyncDisposable & Pick<Engine, 'submit'>> {
  return server === undefined ? openBridge(flags) : connectTo(server, {token: process.env.NPUBRIDGE_TOKEN})
}
