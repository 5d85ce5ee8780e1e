import {sha256} from '../hash.ts'

/**
 * A wrapper says in its first lines what it is and what it should hash to, so that `migrate --check` can tell an intact
 * one from an edited one in a fresh checkout, where there is no journal.
 */
export type Strategy = 'replace' | 'shadow'

export const WRAPPER_MARKER = '# npubridge wrapper:'

const TITLE = `${WRAPPER_MARKER} stands for the legacy NPU coordination bridge. Made by \`npubridge migrate\`, not for editing.`

export interface WrapperHeader {
  readonly version: string
  readonly strategy: Strategy
  /** Where the archived original is, from the wrapper's folder, with `/`. */
  readonly archive: string
  readonly archiveSha256: string
}

/** Of the whole text, line ends as LF and the hash itself left out; git may convert line ends without harm. */
function contentHash(text: string): string {
  return sha256(text.replaceAll(/\r\n?/g, '\n').replace(/^# sha256: .*$/m, '# sha256: '))
}

/** The complete text of a wrapper: `shebang` is a whole line or empty. */
export function withHeader(shebang: string, header: WrapperHeader, body: string): string {
  const lines = [
    ...(shebang ? [shebang] : []),
    TITLE,
    `# version: ${header.version}`,
    `# strategy: ${header.strategy}`,
    `# archive: ${header.archive}`,
    `# archive-sha256: ${header.archiveSha256}`,
    '# sha256: ',
  ]
  const text = `${lines.join('\n')}\n${body}`
  const hash = contentHash(text)
  return text.replace('# sha256: \n', () => `# sha256: ${hash}\n`)
}

/** What a wrapper claims to be and whether it still is; null for any other file. */
export function readHeader(text: string): (WrapperHeader & {readonly intact: boolean}) | null {
  const lines = text.split(/\r\n|\r|\n/, 12)
  const title = lines.slice(0, 3).findIndex((line) => line.startsWith(WRAPPER_MARKER))
  if (title === -1) return null
  const fields = new Map<string, string>()
  for (const line of lines.slice(title + 1)) {
    const match = /^# ([a-z0-9-]+): (.*)$/.exec(line)
    if (!match) break
    fields.set(match[1]!, match[2]!)
  }

  return {
    version: fields.get('version') ?? 'unknown',
    strategy: fields.get('strategy') === 'shadow' ? 'shadow' : 'replace',
    archive: fields.get('archive') ?? '',
    archiveSha256: fields.get('archive-sha256') ?? '',
    intact: fields.get('sha256') === contentHash(text),
  }
}
