/** The members of the families, as the engine has them. */
import type {SignalFamily} from '../engine/engine.ts'

import {NpuBridgeError} from '../errors.ts'
import {nameSuggestions} from '../run/nearest.ts'

export const SIGNAL_KINDS: Readonly<Record<SignalFamily, readonly string[]>> = {
  fft: ['fft', 'ifft', 'rfft', 'irfft', 'fft2'],
  filter: [
    'butter',
    'cheby1',
    'cheby2',
    'ellip',
    'firwin',
    'firls',
    'lfilter',
    'sosfilt',
    'filtfilt',
    'sosfiltfilt',
    'convolve',
    'resample_poly',
    'savgol_filter',
    'medfilt',
  ],
  kalman: ['kalman', 'extended', 'rts_smoother'],
  wavelet: ['dwt', 'wavedec', 'idwt', 'waverec', 'cwt', 'denoise'],
  spectral: ['periodogram', 'welch', 'csd', 'coherence', 'spectrogram', 'stft', 'istft', 'mel', 'mfcc', 'find_peaks'],
  adaptive: ['lms', 'nlms', 'rls'],
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT with the nearest name */
export function familyOf(kind: string): SignalFamily {
  for (const [family, kinds] of Object.entries(SIGNAL_KINDS)) if (kinds.includes(kind)) return family as SignalFamily
  throw new NpuBridgeError('INVALID_ARGUMENT', `KIND is "${kind}", which no family has`, {
    suggestions: nameSuggestions(kind, Object.values(SIGNAL_KINDS).flat(), 'kinds'),
  })
}

/** Kinds whose sampling rate has the name of scipy, so that a WAV file's own can be given. */
const TAKES_FS: ReadonlySet<string> = new Set([
  'butter',
  'cheby1',
  'cheby2',
  'coherence',
  'csd',
  'ellip',
  'fft',
  'firls',
  'firwin',
  'istft',
  'periodogram',
  'rfft',
  'spectrogram',
  'stft',
  'welch',
])

/** What the sampling rate of a kind is called, if it has one. */
export function rateName(kind: string): string | undefined {
  if (TAKES_FS.has(kind)) return 'fs'
  return kind === 'mel' || kind === 'mfcc' ? 'sr' : undefined
}
