/** Finds the segments of a 16 kHz mono WAV in which somebody speaks, with silero-vad: node speech.js FILE */
import {readFileSync} from 'node:fs'
import {createBridge} from 'npubridge'

import {answer} from './task.js'

const RATE = 16_000
const FRAME = 512
const CONTEXT = 64
const SPEAKS = 0.5

const [file] = process.argv.slice(2)
const bytes = readFileSync(file)
const samples = new Float32Array(CONTEXT + (bytes.length - 44) / 2)
for (let index = CONTEXT; index < samples.length; index++) {
  samples[index] = bytes.readInt16LE(44 + 2 * (index - CONTEXT)) / 32_768
}

await using bridge = await createBridge()
const segments = []
let frames = 0
let device
for (let at = 0; at + CONTEXT + FRAME <= samples.length; at += FRAME, frames++) {
  const data = samples.slice(at, at + CONTEXT + FRAME)
  // What the model remembers from frame to frame is carried by the stream.
  const inputs = {input: {data, shape: [1, data.length]}}
  const result = await bridge.submit({type: 'inference', model: 'silero-vad', stream: file, inputs})
  device = result.device
  const isSpeech = result.outputs.output.data[0] >= SPEAKS
  const last = segments.at(-1)
  if (isSpeech && last?.end === at / RATE) last.end = (at + FRAME) / RATE
  else if (isSpeech) segments.push({start: at / RATE, end: (at + FRAME) / RATE})
}

answer({file, frames, device, segments})
