/** The bridge of a command: what its flags do not say comes from the project's configuration. */
import type {Config} from './config/schema.ts'
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

/** @throws NpuBridgeError CONFIG_INVALID naming the setting and where it comes from */
export async function configOf({config: file, device, engine, legacy, profile, runtime}: BridgeFlags): Promise<Config> {
  const flags = {device, engine, legacy_module: legacy, profile, runtime}
  const {config} = await resolveConfig({file, flags})
  return config
}

/** @throws NpuBridgeError CONFIG_INVALID naming the setting and where it comes from; what keeps an engine from starting */
export async function openBridge(flags: BridgeFlags): Promise<Engine> {
  return createBridge({config: await configOf(flags)})
}

/** As {@link openBridge}, or a server that has the engine. */
export async function openEngine({
  server,
  ...flags
}: BridgeFlags & {readonly server?: string | undefined}): Promise<AsyncDisposable & Pick<Engine, 'submit'>> {
  return server === undefined ? openBridge(flags) : connectTo(server, {token: process.env.NPUBRIDGE_TOKEN})
}
