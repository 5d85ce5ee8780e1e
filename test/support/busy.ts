/** A process that keeps an engine busy until it is killed; writes a line when it is. Started by kill.test.ts. */
import {rm} from 'node:fs/promises'

import {createBridge} from '../../src/core/bridge.ts'
import {loadBinding} from '../../src/core/engine/binding.ts'
import {createLegacyEngine} from '../../src/core/engine/legacy.ts'
import {createNativeEngine} from '../../src/core/engine/native.ts'
import {resolvePaths} from '../../src/core/paths.ts'

const [what, runtimeFolder = '', modelsFolder = '', cacheFolder = ''] = process.argv.slice(2)

function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Operations of every kind, several hundred at once, without an end. */
async function flood(): Promise<void> {
  const engine = await createNativeEngine({cacheFolder, devices: ['CPU'], modelsFolder, runtimeFolder})
  const input = {data: new Float32Array(576), shape: [1, 576]}
  const matrix = {data: new Float32Array(90_000), shape: [300, 300]}
  const round = async (index: number): Promise<void> => {
    await engine.submitBatch([
      {type: 'echo', data: index},
      {type: 'inference', model: 'silero-vad', inputs: {input}, stream: `s${index}`},
      {type: 'matrix_multiply', inputs: {a: matrix, b: matrix}},
      {type: 'load_model', model: 'silero-vad'},
      {type: 'health_check'},
      {type: 'benchmark', kind: 'echo', durationMs: 50},
    ])
    if (index === 0) tell('busy')
    await round(index + 1)
  }

  await Promise.all(Array.from({length: 50}, async (_, index) => round(index)))
}

async function python(): Promise<void> {
  const engine = await createLegacyEngine({})
  const round = async (told: boolean): Promise<void> => {
    await engine.submitBatch(Array.from({length: 20}, () => ({type: 'echo', data: 1}) as const))
    if (!told) tell('busy')
    await round(true)
  }

  await round(false)
}

/** Opens one engine after the other, each with a child that tries the runtime: its answer is not kept. */
async function probing(): Promise<void> {
  const bridge = await createBridge({device: 'auto', engine: 'native', runtime: runtimeFolder})
  await bridge.shutdown()
  await rm(resolvePaths().cache, {recursive: true, force: true})
  await probing()
}

switch (what) {
  case 'hanging': {
    loadBinding().endWithParent()
    tell('busy')
    // Like a driver that does not come back: nothing in this process is looked at any more.
    for (;;);
  }

  case 'native': {
    await flood()
    break
  }

  case 'probing': {
    tell('busy')
    await probing()
    break
  }

  case 'python': {
    await python()
    break
  }

  default: {
    throw new Error(`nothing is called ${what}`)
  }
}
