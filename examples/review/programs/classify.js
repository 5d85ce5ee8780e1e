/** Tells what files are from their bytes, with magika: the files are in the task's inputs. */
import {readFileSync, statSync} from 'node:fs'
import {homedir} from 'node:os'
import path from 'node:path'
import {createBridge} from 'npubridge'

import {answer, readTask} from './task.js'

const {NPUBRIDGE_HOME: home, XDG_DATA_HOME: dataHome} = process.env
const models = path.join(home || path.join(dataHome || path.join(homedir(), '.local', 'share'), 'npubridge'), 'models')
const config = JSON.parse(readFileSync(path.join(models, 'magika', 'config.min.json'), 'utf8'))

/** The first and the last bytes without white space around, padded in the middle. */
function features(bytes) {
  const {beg_size: begin, end_size: end, padding_token: padding} = config
  const text = bytes.toString('latin1')
  const first = Buffer.from(text.trimStart().slice(0, begin), 'latin1')
  const last = Buffer.from(text.trimEnd().slice(-end), 'latin1')
  const input = new Int32Array(begin + end).fill(padding)
  input.set(first, 0)
  input.set(last, begin + end - last.length)
  return input
}

const {inputs} = await readTask()
const files = inputs.files.filter((file) => statSync(file).isFile())
await using bridge = await createBridge()
const results = await bridge.submitBatch(
  files.map((file) => {
    const data = features(readFileSync(file))
    return {type: 'inference', model: 'magika', inputs: {bytes: {data, shape: [1, data.length]}}}
  }),
)
answer(
  results.map((result, index) => {
    if (!result.ok) throw result.error
    const [{data: scores}] = Object.values(result.outputs)
    const best = scores.indexOf(Math.max(...scores))
    return {file: files[index], type: config.target_labels_space[best], score: scores[best], device: result.device}
  }),
)
