/** The folder in which the lines of the documents are run: with every file that they name. */
import {cpSync, mkdirSync, symlinkSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {createBridge} from '../../../src/core/bridge.ts'
import {writeSamples} from '../../../src/core/signal/files.ts'
import {ROOT} from './lines.ts'

const RATE = 16_000
const INTENTS = [
  ['wake me at seven', 'alarm'],
  ['an alarm for noon', 'alarm'],
  ['is it raining', 'weather'],
  ['will it be sunny', 'weather'],
]

/** Three tones, for `seconds`. */
function tones(seconds: number, rate: number): Float64Array {
  return Float64Array.from({length: seconds * rate}, (_, k) =>
    [440, 1234.5, 3001].reduce((sum, tone) => sum + Math.sin((2 * Math.PI * tone * k) / rate) / 5, 0),
  )
}

export async function fillFolder(folder: string): Promise<void> {
  const at = (name: string) => path.join(folder, name)
  const write = (name: string, text: string) => {
    writeFileSync(at(name), text)
  }

  // The example looks this repository over.
  for (const name of ['bin', 'dist', 'docs', 'native', 'node_modules', 'scripts', 'src'])
    symlinkSync(path.join(ROOT, name), at(name))
  for (const name of ['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'package.json', '.prettierrc.json'])
    cpSync(path.join(ROOT, name), at(name))
  cpSync(path.join(ROOT, 'examples'), at('examples'), {recursive: true})
  cpSync(path.join(ROOT, 'examples/review/agents'), at('agents'), {recursive: true})
  mkdirSync(at('.claude'))
  cpSync(path.join(ROOT, 'examples/review/agents'), at('.claude/agents'), {recursive: true})
  write('ops.jsonl', Array.from({length: 20}, (_, i) => JSON.stringify({type: 'echo', data: i})).join('\n'))
  write('workflow.yaml', 'agents: {adder: {operation: {type: echo, data: 1}}}\ntasks: [{id: one, agent: adder}]\n')
  write(
    'intents.json',
    JSON.stringify({
      train: INTENTS,
      val: INTENTS,
      oos_train: [['who wrote hamlet', 'oos']],
      oos_val: [['how tall is everest', 'oos']],
    }),
  )
  write('fast.yaml', 'device: cpu\n')
  write('ecg.csv', Array.from({length: 2000}, (_, k) => Math.sin(k / 20).toFixed(6)).join('\n'))
  await writeSamples(at('tones.wav'), {data: tones(2, 8000), shape: [16_000]}, 8000)
  await writeSamples(at('speech.wav'), {data: tones(2, RATE), shape: [2 * RATE]}, RATE)
  // The example finds the user's own recording beside it, at the rate of a microphone.
  await writeSamples(at('examples/speech/speech.wav'), {data: tones(2, 48_000), shape: [96_000]}, 48_000)
  for (const name of ['a.npy', 'b.npy']) await writeSamples(at(name), {data: tones(1, 1000), shape: [1000]}, undefined)
  await using bridge = await createBridge({device: 'cpu'})
  await bridge.submitBatch(Array.from({length: 100}, (_, i) => ({type: 'echo', data: i})))
  write('snapshot.json', JSON.stringify(bridge.metrics()))
}
