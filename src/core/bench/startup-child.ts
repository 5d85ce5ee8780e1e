/**
 * The program of the process whose start is timed. It tells on file descriptor 3 when it had its first answer, on the
 * clock that all processes of a machine share. The request is the first argument. See startup.ts.
 */
import {writeFileSync} from 'node:fs'
import {performance} from 'node:perf_hooks'

import type {StartupRequest} from './startup.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {type Description, inputsFor} from './model-inputs.ts'
import {openEngine} from './open-engine.ts'

const ANSWER_FD = 3

async function answeredAt({model, selection}: StartupRequest): Promise<number> {
  const engine = await openEngine(selection)
  if (model === null) {
    await engine.submit({type: 'echo', data: [0]})
  } else {
    const {data} = await engine.submit({type: 'load_model', model})
    if (typeof data !== 'object' || data === null || !('inputs' in data)) {
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', `the ${engine.kind} engine does not tell what ${model} takes`)
    }

    await engine.submit({type: 'inference', model, inputs: inputsFor(data as Description)})
  }

  return performance.timeOrigin + performance.now()
}

try {
  const at = await answeredAt(JSON.parse(process.argv[2] ?? '') as StartupRequest)
  writeFileSync(ANSWER_FD, JSON.stringify({value: {at}}))
} catch (error) {
  writeFileSync(ANSWER_FD, JSON.stringify({error: asNpuBridgeError(error).toJSON()}))
}

// How long it takes to end is not asked.
process.exit()
