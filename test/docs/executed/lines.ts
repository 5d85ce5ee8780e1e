/** The lines of shell of the documents, and how each of them is tried. */
import {globSync, readFileSync} from 'node:fs'
import path from 'node:path'

export const ROOT = path.resolve(import.meta.dirname, '../../..')

export interface DocumentedLine {
  readonly document: string
  readonly line: string
}

/** What is tried elsewhere, or not by a test that anybody may run, with where or why. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  'npm ci && npm start': '.ci/run',
  'npm test': '.ci/run',
  'npm install --global npubridge': 'npm run test:packaged, from the packed tarballs',
  'npx npubridge probe --require npu': 'needs an NPU; docs/ci.md is tried by ci.test.ts',
}

/** All lines of the documents that are shell, in their order; a line that ends in a quote that is open goes on. */
export function documentedLines(): DocumentedLine[] {
  const documents = ['README.md', ...globSync('docs/*.md', {cwd: ROOT}).toSorted()]
  return documents.flatMap((document) =>
    [...readFileSync(path.join(ROOT, document), 'utf8').matchAll(/```sh\n(.*?)```/gs)]
      .flatMap((match) => joined(match[1]!.split('\n')))
      .map((line) => line.replace(/ +#.*$/s, '').trim())
      .filter(Boolean)
      .map((line) => ({document, line})),
  )
}

function joined(lines: readonly string[]): string[] {
  const whole: string[] = []
  for (const line of lines) {
    const isOpen = (whole.at(-1)?.split("'").length ?? 1) % 2 === 0
    if (isOpen) whole.push(`${whole.pop()!}\n${line}`)
    else whole.push(line)
  }

  return whole
}

/** Goes on until it is told to end: what comes after it in its document needs it, or it only shows something. */
export function isLasting(line: string): boolean {
  if (/\bserve (?:status|stop)|--detach|--once/.test(line)) return false
  return /^redis-server|npubridge (?:serve|worker|top)\b|--watch/.test(line)
}

/** Exit codes with which a line says what it is documented to say. */
export function expectedCodes(line: string): readonly number[] {
  // What it finds depends on the machine and on the files, and it says so by its code.
  if (/\bprobe\b/.test(line)) return [0, 3]
  // Two processes of the same code on a machine that others use: now and then one is found slower.
  if (line.includes('--against')) return [0, 3]
  return [0]
}
