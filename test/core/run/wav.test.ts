import {expect} from 'chai'
import {Buffer} from 'node:buffer'

import {decodeSamples, readWavFormat} from '../../../src/core/run/wav.ts'
import {errorOf} from './expect-error.ts'
import {chunk, pcm16, wavFile, type WavOptions} from './wav-file.ts'

function decode(bytes: Buffer): Float32Array {
  const format = readWavFormat(bytes, bytes.length, 'x.wav')
  const end = format.dataOffset + format.samples * format.bytesPerSample
  return decodeSamples(bytes.subarray(format.dataOffset, end), format)
}

const refused = (samples: Uint8Array, options: WavOptions, message: RegExp) =>
  errorOf(() => decode(wavFile(samples, options)), 'INVALID_ARGUMENT', message)

describe('WAV files', () => {
  it('gives 16-bit samples divided by 32768', () => {
    expect(decode(wavFile(pcm16([0, 16_384, -32_768, 32_767])))).to.deep.equal(
      Float32Array.of(0, 0.5, -1, 32_767 / 32_768),
    )
  })

  it('gives the same wherever the samples lie in memory', () => {
    const samples = Buffer.from(pcm16([-32_768, 16_384, 5]))
    const aside = Buffer.concat([Buffer.alloc(1), samples]).subarray(1)
    const format = {bytesPerSample: 2, encoding: 'pcm'} as const
    expect([...decodeSamples(aside, format)]).to.deep.equal([-1, 0.5, 5 / 32_768])
    expect(decodeSamples(Buffer.from(new Uint8Array(samples).buffer), format)).to.deep.equal(
      decodeSamples(aside, format),
    )
  })

  it('tells the sample rate', () => {
    const bytes = wavFile(pcm16([1, 2]))
    expect(readWavFormat(bytes, bytes.length, 'x.wav')).to.include({bytesPerSample: 2, sampleRate: 16_000, samples: 2})
  })

  it('reads 8, 24 and 32 bits and float32', () => {
    expect(decode(wavFile(Uint8Array.of(128, 0, 192), {bits: 8}))).to.deep.equal(Float32Array.of(0, -1, 0.5))
    expect(decode(wavFile(Uint8Array.of(0, 0, 0x80, 0, 0, 0x40), {bits: 24}))).to.deep.equal(Float32Array.of(-1, 0.5))
    const bits32 = new Uint8Array(Int32Array.of(-(2 ** 31), 2 ** 30).buffer)
    expect(decode(wavFile(bits32, {bits: 32}))).to.deep.equal(Float32Array.of(-1, 0.5))
    const floats = Float32Array.of(0.1, -0.7)
    expect(decode(wavFile(new Uint8Array(floats.buffer), {bits: 32, format: 3}))).to.deep.equal(floats)
  })

  it('reads the extensible format and passes over other chunks, odd ones included', () => {
    const options = {before: [chunk('LIST', Buffer.from('abc'))], format: 0xff_fe, subformat: 1}
    expect(decode(wavFile(pcm16([8192]), options))).to.deep.equal(Float32Array.of(0.25))
  })

  it('reads up to the end of a file whose writer did not know its length', () => {
    expect(decode(wavFile(pcm16([1, 2]), {declared: 0xff_ff_ff_ff}))).to.have.length(2)
  })

  it('refuses more than one channel, with the command that mixes them', () => {
    const error = refused(pcm16([1, 2]), {channels: 2}, /x\.wav has 2 channels, mono is needed/)
    expect(error.suggestions[0]).to.equal('ffmpeg -i x.wav -ac 1 -ar 16000 mono.wav')
  })

  it('refuses encodings that it does not know', () => {
    refused(pcm16([1]), {format: 2}, /samples of format 2 with 16 bits/)
    refused(pcm16([1]), {bits: 12}, /samples of format 1 with 12 bits/)
  })

  it('refuses what is cut off or no WAV at all', () => {
    refused(pcm16([1, 2]), {declared: 100}, /is cut off: it has 4 of the 100 bytes/)
    errorOf(() => decode(Buffer.from('')), 'INVALID_ARGUMENT', /is not a WAV file/)
    errorOf(() => decode(Buffer.from('\u{93}NUMPY')), 'INVALID_ARGUMENT', /is not a WAV file/)
    errorOf(() => decode(wavFile(pcm16([1])).subarray(0, 36)), 'INVALID_ARGUMENT', /has no data chunk/)
    const noFormat = chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), chunk('data', pcm16([1]))]))
    errorOf(() => decode(noFormat), 'INVALID_ARGUMENT', /samples before their format/)
  })
})
