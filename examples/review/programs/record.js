/** Writes ten seconds of a voice that hums, pauses and hums again: node record.js FILE */
import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {answer} from './task.js'

const RATE = 16_000
const SECONDS = 10
const HARMONICS = 11

const [file] = process.argv.slice(2)
const samples = new Int16Array(RATE * SECONDS)
let phase = 0
for (let index = 0; index < samples.length; index++) {
  const time = index / RATE
  phase += (2 * Math.PI * (140 + 30 * Math.sin(2 * Math.PI * 1.7 * time))) / RATE
  let voice = 0
  for (let harmonic = 1; harmonic <= HARMONICS; harmonic++) voice += Math.sin(phase * harmonic) / harmonic
  const loudness = Math.max(0, Math.sin((2 * Math.PI * time) / 3.1))
  samples[index] = 8000 * loudness * voice
}

const header = Buffer.alloc(44)
header.write('RIFF', 0)
header.writeUInt32LE(36 + samples.byteLength, 4)
header.write('WAVEfmt ', 8)
header.writeUInt32LE(16, 16)
header.writeUInt16LE(1, 20)
header.writeUInt16LE(1, 22)
header.writeUInt32LE(RATE, 24)
header.writeUInt32LE(RATE * 2, 28)
header.writeUInt16LE(2, 32)
header.writeUInt16LE(16, 34)
header.write('data', 36)
header.writeUInt32LE(samples.byteLength, 40)
mkdirSync(path.dirname(file), {recursive: true})
writeFileSync(file, Buffer.concat([header, Buffer.from(samples.buffer)]))
answer({file, seconds: SECONDS})
