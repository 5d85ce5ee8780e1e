/** Which method is used where nobody asks for one. */
import {existsSync} from 'node:fs'
import path from 'node:path'

import type {Engine} from '../engine/engine.ts'
import type {TextMethod} from './router.ts'

import {asNpuBridgeError, type NpuBridgeError} from '../errors.ts'
import {resolvePaths} from '../paths.ts'

/** What may be asked for: a method by its name, or the better one of those that can run. */
export const TEXT_METHODS = ['auto', 'lexical', 'semantic', 'hybrid'] as const

export interface MethodChoice {
  readonly method: TextMethod
  /** Why it is not the better one; null when it is, or when it was asked for. */
  readonly reason: string | null
}

/**
 * Hybrid, unless the model is missing or no engine can run it: then words alone, with the reason. What is asked for by
 * name is taken as it is.
 */
export async function chooseMethod(
  asked: 'auto' | TextMethod,
  openEngine: () => Promise<Pick<Engine, 'kind'>>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<MethodChoice> {
  if (asked !== 'auto') return {method: asked, reason: null}
  if (!existsSync(path.join(resolvePaths(env).models, 'minilm', 'model.json'))) {
    return lexical('the model minilm is not there (npubridge models pull minilm)')
  }

  try {
    const {kind} = await openEngine()
    return kind === 'native' ? {method: 'hybrid', reason: null} : lexical(`the ${kind} engine embeds no texts`)
  } catch (error) {
    return lexical((asNpuBridgeError(error) satisfies NpuBridgeError).message)
  }
}

function lexical(why: string): MethodChoice {
  return {method: 'lexical', reason: `agents are chosen by words only: ${why}`}
}
