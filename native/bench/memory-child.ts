// Echoes ten million times, in batches, and prints its resident memory after the first million and at the end.
import {createNativeEngine} from '../../src/core/engine/native.ts'

const BATCH = 8192
const MILLION = 1_000_000

const engine = await createNativeEngine({devices: ['CPU'], modelsFolder: 'models'})
const operations = Array.from({length: BATCH}, () => ({type: 'echo'}) as const)

async function echo(count: number): Promise<number> {
  for (let done = 0; done < count; done += BATCH) {
    for (const {ok} of await engine.submitBatch(operations)) if (!ok) throw new Error('an echo failed')
  }

  // A full collection gives back the emptied pages of V8's heap as well; without them, what grows is the engine's.
  globalThis.gc!({type: 'major', execution: 'sync', flavor: 'last-resort'} as NodeJS.GCOptions)
  return process.memoryUsage.rss()
}

const after1M = await echo(MILLION)
const after10M = await echo(9 * MILLION)
await engine.shutdown()
process.stdout.write(JSON.stringify({after1M, after10M}))
