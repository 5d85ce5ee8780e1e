/** Writes ten seconds of a synthetic voice that says vowels and pauses: node record.js FILE */
import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {answer} from './task.js'

const RATE = 16_000
const SECONDS = 10
/** The resonances of a mouth for a, e, i, o and u, in Hz. */
const VOWELS = [
  [730, 1090, 2440],
  [530, 1840, 2480],
  [270, 2290, 3010],
  [570, 840, 2410],
  [300, 870, 2240],
]
const BANDWIDTHS = [80, 100, 140]
const VOWEL_SECONDS = 0.22
/** It speaks and is silent in turn. */
const PHRASE_SECONDS = 2.5

/** A resonance in series with others: y = a x + b y₁ + c y₂ (Klatt, "Software for a cascade/parallel synthesizer"). */
function resonator() {
  let [y1, y2] = [0, 0]
  return (x, frequency, bandwidth) => {
    const c = -Math.exp((-2 * Math.PI * bandwidth) / RATE)
    const b = 2 * Math.exp((-Math.PI * bandwidth) / RATE) * Math.cos((2 * Math.PI * frequency) / RATE)
    const y = (1 - b - c) * x + b * y1 + c * y2
    ;[y1, y2] = [y, y1]
    return y
  }
}

const [file] = process.argv.slice(2)
const mouth = BANDWIDTHS.map(() => resonator())
const voice = new Float64Array(RATE * SECONDS)
let phase = 0
let noise = 1
for (let index = 0; index < voice.length; index++) {
  const time = index / RATE
  const isSpeaking = Math.floor(time / PHRASE_SECONDS) % 2 === 0
  const pitch = 115 + 25 * Math.sin(2 * Math.PI * 0.6 * time) + 4 * Math.sin(2 * Math.PI * 5 * time)
  phase += pitch / RATE
  noise = (noise * 48_271) % 2_147_483_647
  const breath = (noise / 2_147_483_647 - 0.5) * 0.05
  // Puffs of air: the vocal folds open slowly and close at once.
  const open = phase % 1
  const puff = open < 0.6 ? Math.sin((Math.PI * open) / 0.6) ** 2 * (open / 0.6) : 0
  const within = (time % VOWEL_SECONDS) / VOWEL_SECONDS
  const syllable = Math.sin(Math.PI * within) ** 0.5
  const from = VOWELS[Math.floor(time / VOWEL_SECONDS) % VOWELS.length]
  const to = VOWELS[(Math.floor(time / VOWEL_SECONDS) + 1) % VOWELS.length]
  let sound = isSpeaking ? (puff + breath) * syllable : breath * 0.02
  for (const [at, resonate] of mouth.entries()) {
    const glide = Math.max(0, within - 0.6) / 0.4
    sound = resonate(sound, from[at] + (to[at] - from[at]) * glide, BANDWIDTHS[at])
  }

  voice[index] = sound - (voice[index - 1] ?? 0) * 0.1
}

const loudest = voice.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
const samples = Int16Array.from(voice, (value) => (value / loudest) * 20_000)

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
writeFileSync(file, Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)]))
answer({file, seconds: SECONDS})
