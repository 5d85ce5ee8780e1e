/** What leaves the machine in a report or a snapshot says nothing of its owner. */
import {Buffer} from 'node:buffer'
import os from 'node:os'

import {isRelevantParameter} from './inventory/host.ts'

/** Words of this machine that do not belong in a report, longest first, each with what stands for it. */
export interface PrivateWords {
  readonly hostname: string
  readonly username: string
  readonly home: string
}

export function privateWords(): PrivateWords {
  const {homedir, username} = userInfo()
  return {home: homedir, hostname: os.hostname(), username}
}

function userInfo(): {homedir: string; username: string} {
  try {
    return os.userInfo()
  } catch {
    return {homedir: os.homedir(), username: ''}
  }
}

/** Names so common that replacing them would hide nothing and spoil the text. */
const COMMON = new Set(['', 'admin', 'linux', 'localhost', 'root', 'ubuntu', 'user', 'vm'])
const IDENTIFIERS = [
  // MAC addresses and UUIDs.
  /\b[\da-f]{2}(?::[\da-f]{2}){5}\b/gi,
  /\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/gi,
  // Serial numbers, by the word before them.
  /(?<=\bserial(?:[ _]?(?:number|no))?["']?\s*[:=]\s*["']?)[\w-]{4,}/gi,
]

/** A function that takes host name, user name, home folder and serial-like words out of a text. */
export function redactor({home, hostname, username}: PrivateWords): (text: string) => string {
  const words = [
    [home, '~'],
    [hostname, '(host)'],
    [username, '(user)'],
  ].filter((pair): pair is [string, string] => !COMMON.has(pair[0]!.toLowerCase()) && pair[0] !== '/root')
  return (text) => {
    let result = text
    for (const [word, stand] of words) result = result.replaceAll(wholeWord(word), () => stand)
    result = result.replaceAll(/\/home\/[^/\s"':]+/g, '/home/(user)')
    for (const pattern of IDENTIFIERS) result = result.replaceAll(pattern, '(removed)')
    return result
  }
}

function wholeWord(word: string): RegExp {
  const literal = word.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`)
  return new RegExp(String.raw`(?<![\w-])${literal}(?![\w-])`, 'g')
}

type Cut = (text: string) => string

const NPU_PACKAGES =
  /^Package: (?:libze1|level-zero|intel-level-zero-npu|intel-driver-compiler-npu|intel-fw-npu|linux-firmware)$/m

/** Big or private files, and the part of each that a probe looks at. */
const CUTS: ReadonlyArray<readonly [RegExp, Cut]> = [
  [/\/modules\.(?:alias|builtin|dep)$/, (text) => linesWith(text, /intel_vpu/)],
  [/\/boot\/config-/, (text) => linesWith(text, /DRM_ACCEL/)],
  [/^\/proc\/cpuinfo$/, (text) => `${text.split('\n\n', 1)[0]}\n`],
  [/^\/proc\/version$/, (text) => text.replaceAll(/\([^()\s]+@[^()\s]+\)/g, '(builder)')],
  [/^\/proc\/cmdline$/, (text) => text.split(/\s+/).filter(isRelevantParameter).join(' ')],
  [/^\/var\/lib\/dpkg\/status$/, npuPackages],
  [/^\/etc\/group$/, (text) => linesWith(text, /^(?:root|render|video):/).replaceAll(/:[^:\n]*$/gm, ':')],
  [/^\/etc\/passwd$/, () => 'root:x:0:0::/root:/bin/sh\n'],
]

function npuPackages(status: string): string {
  const paragraphs = status.split('\n\n').filter((paragraph) => NPU_PACKAGES.test(paragraph))
  return paragraphs.map((paragraph) => `${paragraph}\n\n`).join('')
}

/** What of a file's content goes into a snapshot. */
export function trim(file: string, content: Uint8Array, redact: Cut): Uint8Array {
  if (file.endsWith('/modules.builtin.modinfo')) return Buffer.from(builtinModule(content), 'latin1')
  if (content.includes(0)) return content
  const cut = CUTS.find(([pattern]) => pattern.test(file))?.[1]
  const text = Buffer.from(content).toString('utf8')
  return Buffer.from(redact(cut ? cut(text) : text))
}

function builtinModule(content: Uint8Array): string {
  const entries = Buffer.from(content).toString('latin1').split('\0')
  return entries
    .filter((entry) => entry.startsWith('intel_vpu.'))
    .map((entry) => `${entry}\0`)
    .join('')
}

function linesWith(text: string, pattern: RegExp): string {
  return text
    .split('\n')
    .filter((line) => pattern.test(line))
    .map((line) => `${line}\n`)
    .join('')
}
